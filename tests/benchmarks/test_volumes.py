"""Volumes are mapped as the package maps them, whoever scores their patches; nothing stale is ever found."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.transforms import Compose
from sklearn.metrics import roc_auc_score

from benchmarks import volume_comparison, volumes
from benchmarks.encoded_fold import EncodedFold
from benchmarks.labelled_volumes import load_labelled_volume
from benchmarks.patch_scores import Method, Score, score_patches
from benchmarks.patient_folds import cross_validation
from benchmarks.rivals import DPMM
from benchmarks.trained_bundle import training_settings
from benchmarks.volume_comparison import Comparison
from benchmarks.volume_rows import OURS, PatchMap, rows_of
from monai_sar.engines import fit_witnesses
from monai_sar.inferers import VolumeInferer
from monai_sar.networks import AnomalyDetector
from monai_sar.settings.bundle_config import read_bundle_config
from tests.benchmarks.conftest import BUNDLE, SPACING, write_volumes
from tests.bundles.conftest import TINY
from tests.conftest import save_nifti


class Untrained(Method):
    """Ours, as it begins."""

    def __init__(self, bundle: str, work: Path, settings: dict[str, Any]) -> None:
        self.depends_on = {"untrained": settings["dilations"]}
        self._settings = settings

    def learn(self, fold: EncodedFold) -> Score:
        """Scale, no more."""
        parser = read_bundle_config(BUNDLE, "train", parts=["network"], overrides=self._settings)
        torch.manual_seed(0)
        self.detector: AnomalyDetector = parser.get_parsed_content("network").eval()
        self.detector.fit_scaling(item["features"] for item in fold.train)
        score: Score = self.detector.error
        return score


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Of a tiny bundle."""
    return training_settings(tmp_path / "work", **TINY)


def test_ours_is_what_the_package_predicts(tmp_path: Path, settings: dict[str, Any]) -> None:
    fold = cross_validation(write_volumes(tmp_path, 3), 3, seed=0)[0]
    settings["dataset_dir"] = str(fold.write_datalist(tmp_path))
    encoded, method = EncodedFold(fold, BUNDLE, settings), Untrained(BUNDLE, tmp_path, settings)
    scores = score_patches(encoded, method, tmp_path)
    item, detector = fold.held[0], method.detector
    volume = load_labelled_volume(item, encoded.preprocessing, detector)
    row = rows_of(detector, [])[OURS]
    assert (row.witness, row.smoothing, row.across) == ("bright", 1, 7.5)
    ours = PatchMap(row, scores.train, detector)(scores.volumes[0], volume)

    torch.save(detector.state_dict(), tmp_path / "model.pt")
    fit_witnesses(detector, tmp_path / "model.pt", encoded.train)
    predicted = VolumeInferer()(encoded.preprocessing(dict(item))["image"][None], detector)[0, 0]
    torch.testing.assert_close(ours, torch.as_tensor(predicted), atol=0.02, rtol=0.02)  # stored in float16


def test_all_rows_are_measured_and_kept(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(volume_comparison, "Ours", Untrained)
    # with a component for each of these few patches, no normal patch would be farther from the means than another
    monkeypatch.setitem(volume_comparison.RIVALS, DPMM.name, lambda bank, seed: DPMM(components=bank, seed=seed))
    datalist = write_volumes(tmp_path, 3)
    pairs = [f"{name}={value}" for name, value in TINY.items()]

    def table() -> list[str]:
        volumes.main(BUNDLE, datalist, 3, False, None, 8, "train", pairs, 0, tmp_path / "work")
        return capsys.readouterr().out.partition("\n| |")[2].splitlines()[2:]

    rows = table()
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [
        "brightness",
        "brightness, smoothed",
        *(f"{rival}{kind}" for rival in volume_comparison.RIVALS for kind in ("", ", two witnesses")),
        "ours",
        "ours, one witness",
        "ours, verdict sum",
        "ours, not across slices",
        "as published",
    ]
    monkeypatch.setattr(Untrained, "learn", lambda *_: pytest.fail("what was kept was scored again"))
    assert table() == rows


def test_brightness_is_measured_on_the_voxels_of_the_region(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_comparison, "Ours", Untrained)
    folds = cross_validation(write_volumes(tmp_path, 3), 3, seed=0)
    comparison = Comparison(BUNDLE, settings, tmp_path / "work", only=["brightness"])
    measured = comparison.measure(folds)
    parser = read_bundle_config(BUNDLE, "train", parts=["preprocessing"], overrides={})
    preprocessing: Compose = parser.get_parsed_content("preprocessing")
    prepared = [preprocessing(dict(fold.held[0])) for fold in folds]
    inside = [item["region"] > 0 for item in prepared]
    lesion = [(item["label"][region] > 0).numpy() for item, region in zip(prepared, inside, strict=True)]
    bright = [item["image"][region].numpy() for item, region in zip(prepared, inside, strict=True)]
    expected = [roc_auc_score(mask, values) for mask, values in zip(lesion, bright, strict=True)]
    np.testing.assert_allclose(measured.figures["brightness"].auroc, expected, atol=2e-3)
    assert measured.voxels == sum(map(len, lesion))
    assert measured.of_lesions == sum(int(mask.sum()) for mask in lesion)
    before = measured.figures["brightness"].pooled_ap

    path = Path(folds[0].held[0]["label"])  # another outline of the same lesion
    save_nifti(path, np.roll(np.asarray(nib.nifti1.load(path).dataobj), 5, axis=0), SPACING)
    assert comparison.measure(folds).figures["brightness"].pooled_ap != before
    with pytest.raises(ValueError, match="Found the rows darkness; expected some of brightness"):
        Comparison(BUNDLE, settings, tmp_path / "work", only=["darkness"]).measure(folds)
