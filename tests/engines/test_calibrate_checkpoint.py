"""Training ends with a calibration of the best weights, and never fails for want of patients."""

import dataclasses
import json
import logging
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
from PIL import Image

from monai_sar.inferers import ScanPredictor
from monai_sar.networks.checkpoint import read_checkpoint, saved_with
from tests.bundles.conftest import run_config
from tests.calibration.bundle_copy import copy_bundle
from tests.calibration.conftest import PATIENTS, SLICES, write_datalist, write_normal_images, write_volume
from tests.conftest import TINY


@pytest.fixture(scope="module")
def trained(normal_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, trained for two epochs on two images."""
    bundle = copy_bundle(tmp_path_factory.mktemp("bundles"))
    train(bundle, normal_images)
    return bundle


def train(bundle: Path, data: Path, **settings: Any) -> None:
    small: dict[str, Any] = TINY | {"max_epochs": 2, "batch_size": 8, "learning_rate": 0.01} | settings
    run_config([bundle / "configs" / "train.yaml"], "train", bundle_root=str(bundle), dataset_dir=str(data), **small)


def test_the_best_weights_are_calibrated(trained: Path, normal_images: Path) -> None:
    """And the state to resume from is not."""
    predictor = ScanPredictor.from_bundle(trained)
    calibration = predictor.network.calibration
    assert calibration is not None
    assert (calibration.unit, calibration.units, calibration.scans) == ("patient", PATIENTS, PATIENTS * SLICES)
    assert calibration.kind == "slices"
    assert calibration.rates == (0.05,)  # 20 patients cannot promise 1 %
    best, last = (read_checkpoint(trained / "models" / name) for name in ("model.pt", "last.pt"))
    assert saved_with(last)["calibration"] is None
    assert all(torch.equal(best[key].cpu(), value.cpu()) for key, value in predictor.network.state_dict().items())

    # these very images have the very scores that p-values compare with: a slice is read for prediction as in training
    for patient in ("0000", "0007"):
        paths = sorted((normal_images / "valid" / "good" / "img").glob(f"phantom_{patient}_*.png"))
        scores = sorted(predictor(path).score for path in paths)
        assert tuple(scores) in calibration.scan_scores


def test_a_finished_training_is_calibrated_for_another_smoothing(
    trained: Path, normal_images: Path, tmp_path: Path
) -> None:
    """The smoothing learns nothing, so nothing is trained again."""
    bundle = tmp_path / trained.name
    copytree(trained, bundle)
    train(bundle, normal_images, smoothing=0.4)
    before, after = (ScanPredictor.from_bundle(folder).network for folder in (trained, bundle))
    assert after.smoothing.sigma == 0.4 != before.smoothing.sigma
    weights = before.state_dict().keys() - {"_extra_state"}
    assert all(torch.equal(before.state_dict()[key], after.state_dict()[key]) for key in weights)
    assert before.calibration is not None
    assert after.calibration is not None
    assert after.calibration.data_sha256 == before.calibration.data_sha256
    assert after.calibration.scan_scores != before.calibration.scan_scores


def test_predictions_are_flagged_and_judged(trained: Path, normal_images: Path, tmp_path: Path) -> None:
    predictor = ScanPredictor.from_bundle(trained)
    calibration = predictor.network.calibration
    assert calibration is not None
    path = write_normal_images(tmp_path / "new", patients=1, seed=8)[0]
    result = predictor(path)
    assert result.threshold == calibration.pixel_thresholds[0]
    assert result.p_value == calibration.p_value(result.score, kind="slices")
    assert result.p_value is not None
    assert result.mask is not None
    for known, why in (
        (next((normal_images / "valid" / "good" / "img").iterdir()), "calibrated on this very scan"),
        (next((normal_images / "train" / "good").iterdir()), "trained on this very scan"),
    ):
        seen = predictor(known)
        assert seen.p_value is None
        assert why in str(seen.p_value_note)

    # the bundle's own way to predict gives the same
    run_config(
        [trained / "configs" / "inference.yaml"],
        "inference",
        bundle_root=str(trained),
        dataset_dir=str(path),
        output_dir=str(tmp_path / "out"),
        **TINY,
    )
    report = json.loads(next((tmp_path / "out").glob("*_report.json")).read_text())
    assert report["mask"]["threshold"] == result.threshold
    assert report["mask"]["false_positive_rate"] == 0.05
    assert report["score"]["p_value"] == result.p_value
    assert report["calibration"] == {
        "unit": "patient",
        "units": PATIENTS,
        "kind": "slices",
        "scans": PATIENTS * SLICES,
        "patients_with_normal_scans": PATIENTS,
        "false_positive_rates": [0.05],
        "data_sha256": calibration.data_sha256,
    }


def test_too_few_patients_do_not_fail_the_training(
    normal_images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for folder, names in (("train/good", "0020"), ("valid/good/img", "000[0-2]")):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for image in (normal_images / folder).glob(f"phantom_{names}_*.png"):
            Image.open(image).save(tmp_path / "data" / folder / image.name)
    bundle = copy_bundle(tmp_path)
    train(bundle, tmp_path / "data")
    calibration = ScanPredictor.from_bundle(bundle).network.calibration
    assert calibration is not None
    assert (calibration.units, calibration.rates) == (3, ())
    assert calibration.p_value(1e9, kind="slices") == 0.25
    assert "3 normal patients cannot promise a false-positive rate of 1 % or 5 %" in caplog.text


def test_volumes_with_lesions_train_and_calibrate_by_their_other_slices(tmp_path: Path) -> None:
    """As in BraTS, where every patient has a lesion: voxels have thresholds, scans no p-value, and it says so."""

    def volumes(first: int, count: int) -> list[dict[str, str]]:
        return [
            write_volume(tmp_path, f"{n}", seed=n, lesion=[2, 3]) | {"patient": f"P{n}"}
            for n in range(first, first + count)
        ]

    data = write_datalist(tmp_path, training=volumes(0, 2), validation=volumes(2, 9))
    bundle = copy_bundle(tmp_path)
    train(bundle, data, lesion_margin=3.9, smoothing_across=0)  # six slices are soon all near the lesion
    predictor = ScanPredictor.from_bundle(bundle)
    calibration = predictor.network.calibration
    assert calibration is not None
    assert (calibration.kind, calibration.units, calibration.scans) == ("volumes", 9, 9)
    assert (calibration.rates, calibration.scan_rates, calibration.scan_scores) == ((0.1,), (), ())
    assert len(predictor.network.trained_on) == 2
    features = list((bundle / "features").glob("*/*.safetensors"))
    assert len(features) == (2 + 9) * 4  # of six slices, two with lesion
    result = predictor(write_volume(tmp_path, "new", seed=99)["image"])
    assert result.threshold == calibration.pixel_thresholds[0]
    assert result.p_value is None
    assert "shows a lesion" in str(result.p_value_note)


def test_a_calibration_that_was_asked_for_outlives_the_same_training(
    trained: Path, normal_images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = tmp_path / trained.name
    copytree(trained, bundle)
    detector = ScanPredictor.from_bundle(bundle).network
    assert detector.calibration is not None
    asked_for = dataclasses.replace(
        detector.calibration,
        rates=(0.2,),
        **{name: getattr(detector.calibration, name)[:1] for name in ("pixel_thresholds", "scan_thresholds")},
    )
    detector.calibration = asked_for
    detector.save_calibration(bundle / "models" / "model.pt")
    with caplog.at_level(logging.INFO):
        train(bundle, normal_images)
    assert ScanPredictor.from_bundle(bundle).network.calibration == asked_for
    assert "Calibrated already, which stays" in caplog.text
