"""A detector's scores of normal scans become thresholds, and stay in its checkpoint."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import Dataset
from pydicom.dataset import FileDataset
from torch import Tensor

from monai_sar.calibration import Calibration, ScoreCalibrationError
from monai_sar.calibration.conformal import NormalScores
from monai_sar.datasets import load_normal_scans
from monai_sar.engines import calibrate_checkpoint, calibrate_detector
from monai_sar.inferers import ScanPredictor, VolumeInferer
from monai_sar.metrics import top_mean
from monai_sar.networks import AnomalyDetector, SliceSmoothing
from monai_sar.networks.checkpoint import (
    CheckpointError,
    CheckpointMismatchError,
    read_checkpoint,
    replace_saved_with,
    saved_with,
)
from monai_sar.scans import ScanOrigin, read_scan
from monai_sar.scans.scan_origin import add_note
from monai_sar.settings.bundle_config import read_bundle_config, use_checkpoint_settings
from tests.calibration.conftest import (
    PATIENTS,
    SLICES,
    a_calibration,
    calibrated_checkpoint,
    write_datalist,
    write_normal_images,
    write_volume,
)
from tests.conftest import BUNDLE, save_nifti


class Parts(NamedTuple):
    """Detector and prepared normal scans, as the bundle's training has them."""

    detector: AnomalyDetector
    dataset: Dataset
    inferer: VolumeInferer

    @property
    def patients(self) -> list[str | None]:
        return [item["patient"] for item in self.dataset.data]

    def calibrate(self, items: Any = None, **options: Any) -> Calibration:
        defaults: dict[str, Any] = {"patients": self.patients, "inferer": self.inferer}
        scans: Any = self.dataset if items is None else items
        return calibrate_detector(self.detector, scans, **defaults | options)

    def of(self, data: Path) -> "Parts":
        """The same with another data set."""
        return self._replace(dataset=Dataset(load_normal_scans(data, "valid"), self.dataset.transform))


@pytest.fixture
def parts(checkpoint: Path, normal_volumes: Path) -> Parts:
    """With volumes."""
    parser = read_bundle_config(BUNDLE, "train", parts=(), overrides={})
    use_checkpoint_settings(parser, checkpoint, overrides=(), fixed=("modality",))
    detector = parser.get_parsed_content("network")
    detector.load_checkpoint(checkpoint)
    preprocessing, inferer = (parser.get_parsed_content(part) for part in ("preprocessing", "inferer"))
    return Parts(detector, Dataset(load_normal_scans(normal_volumes, "valid"), preprocessing), inferer)


def maps(parts: Parts, item: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The map of a scan, slice by slice, averaged across slices 4 mm apart, and where it counts."""
    sigma = parts.detector.smoothing_across.sigma
    with torch.no_grad():
        image = item["image"].as_tensor()
        scores = torch.stack([parts.detector(image[None, ..., z])[0] for z in range(image.shape[-1])], dim=-1)
    if sigma:
        away = 4.0 * np.arange(image.shape[-1])
        scores = torch.stack(
            [
                sum(w * scores[..., other] for other, w in enumerate(weights / weights.sum()))
                for weights in (np.exp(-(((z - away) / sigma) ** 2) / 2) for z in away)
            ],
            dim=-1,
        )
    return scores, torch.as_tensor(item["region"]).as_subclass(Tensor) != 0


def test_it_is_what_brute_force_finds(parts: Parts) -> None:
    """All voxels of all patients in memory, all scores one by one."""
    calibration = parts.calibrate(rates=[0.1, 0.05])
    assert (calibration.rates, calibration.unit, calibration.kind) == ((0.05, 0.1), "patient", "volumes")
    assert (calibration.units, calibration.scans) == (PATIENTS, PATIENTS + 1)

    voxels: dict[str | None, list[Tensor]] = {}
    scans: dict[str | None, list[float]] = {}
    for index, patient in enumerate(parts.patients):
        scores, region = maps(parts, parts.dataset[index])
        voxels.setdefault(patient, []).append(scores[region])
        scans.setdefault(patient, []).append(top_mean(scores, 0.01, foreground=region))
    expected = sorted((sorted(scores) for scores in scans.values()), key=max)
    assert sorted(map(len, expected)) == [1] * (PATIENTS - 1) + [2]
    for found, scores_of_patient in zip(calibration.scan_scores, expected, strict=True):
        assert found == pytest.approx(scores_of_patient, rel=1e-5)

    exact = NormalScores([torch.cat(scores).numpy() for scores in voxels.values()])
    for rate, threshold in zip(calibration.rates, calibration.pixel_thresholds, strict=True):
        assert threshold == pytest.approx(exact.threshold(rate), rel=1e-4)
        shares = [float((torch.cat(scores) > threshold * (1 + 1e-6)).float().mean()) for scores in voxels.values()]
        assert rate - 2e-4 <= (1 + sum(shares)) / (1 + PATIENTS) <= rate + 1e-6
    for rate, threshold in zip(calibration.scan_rates, calibration.scan_thresholds, strict=True):
        above = sum(np.mean(np.array(scores) > threshold) for scores in calibration.scan_scores)
        assert (1 + above) / (1 + PATIENTS) <= rate


@pytest.mark.parametrize("kind", ["volumes", "slices"])
def test_scans_have_the_very_scores_that_predictions_give_them(
    kind: str, parts: Parts, checkpoint: Path, normal_images: Path
) -> None:
    if kind == "slices":
        parts = parts.of(normal_images)
    calibration = parts.calibrate()
    assert calibration.kind == kind
    predictor = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint)
    scores: dict[str | None, list[float]] = {}
    for item in parts.dataset.data:
        result = predictor(item["image"])
        scores.setdefault(item["patient"], []).append(result.score)
        assert result.anomaly_map.meta["sha256"][:12] in calibration.digests
    assert calibration.scan_scores == tuple(sorted((tuple(sorted(each)) for each in scores.values()), key=max))


def test_neither_order_nor_names_of_scans_matter_but_their_content_does(parts: Parts) -> None:
    order = np.random.default_rng(0).permutation(len(parts.patients))
    items = [parts.dataset[index] for index in range(len(parts.patients))]
    one = parts.calibrate(items, rates=[0.05])
    two = parts.calibrate(
        [items[i] for i in order], patients=[f"renamed {parts.patients[i]}" for i in order], rates=[0.05]
    )
    assert one == two
    for change in ({"image": items[3]["image"] * 0.999}, {"region": _one_voxel_less(items[3]["region"])}):
        changed = parts.calibrate([*items[:3], items[3] | change, *items[4:]], rates=[0.05])
        assert changed.data_sha256 != one.data_sha256


def test_it_keeps_what_its_scans_were_like_and_predictions_compare(
    parts: Parts, checkpoint: Path, write_series: Callable[..., Any], tmp_path: Path
) -> None:
    """In the checkpoint; each scan that was calibrated on is like those, whichever format it is stored in."""
    calibration = parts.calibrate()
    reference = calibration.inputs
    assert reference is not None
    spacing = reference.ranges["slice_spacing"]
    assert (spacing.patients, spacing.lowest, spacing.spread) == (PATIENTS, np.log(4.0), 0)
    assert len(reference.embedding_mean) == parts.detector.encoder.channels
    path = calibrated_checkpoint(checkpoint, tmp_path / "calibrated.pt", calibration)
    predictor = ScanPredictor.from_bundle(BUNDLE, ckpt_path=path)
    assert predictor.network.calibration == calibration
    for item in parts.dataset.data[:3]:
        result = predictor(item["image"])
        assert result.input_check is not None
        assert result.input_check.ok, result.input_check_note

    scan: Any = nib.load(write_volume(tmp_path, "new", seed=7000)["image"])
    voxels = np.asarray(scan.dataobj)
    save_nifti(tmp_path / "half.nii.gz", voxels, np.diag([0.5, 0.5, 4.0, 1.0]))
    half = predictor(tmp_path / "half.nii.gz")
    assert half.input_check is not None
    found = {difference.name: difference.found for difference in half.input_check.differences}
    assert found.items() >= {"row_spacing": 0.5, "column_spacing": 0.5, "height": 24, "width": 24}.items()
    assert "spacing of rows: 0.5 instead of 1 mm" in str(half.input_check_note)
    assert half.p_value is not None

    def draw(dataset: FileDataset, index: int) -> None:
        dataset.PixelData = (
            (voxels[..., index] * (1 + index % 2)).astype("<u2").tobytes()
        )  # every other slice is bright

    write_series(tmp_path / "series", modality="MR", shape=(6, 48, 48), spacing=(2.0, 1.0, 1.0), edit=draw)
    series = read_scan(tmp_path / "series").image
    save_nifti(tmp_path / "same.nii.gz", series[0].numpy().astype(np.int16), series.affine.numpy())
    as_dicom, as_nifti = predictor(tmp_path / "series"), predictor(tmp_path / "same.nii.gz")
    assert as_dicom.input_check is not None
    assert as_dicom.input_check == as_nifti.input_check
    assert {"slice distance", "intensities"} <= set(as_dicom.input_check.topics)


def _one_voxel_less(region: Tensor) -> Tensor:
    less = region.clone()
    less[tuple(less.nonzero()[0])] = False
    return less


def test_scans_of_unknown_patients_count_as_one_each(parts: Parts) -> None:
    assert parts.patients[:2] == ["P00", "P00"]
    some = parts.calibrate(patients=[None, *parts.patients[1:]])
    assert (some.unit, some.units, some.scans) == ("scan", PATIENTS + 1, PATIENTS + 1)


def test_rates_beyond_the_patients_are_an_error_or_left_out(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    unread = [None] * 11  # that there are too few is told before anything is read
    with pytest.raises(ScoreCalibrationError, match="Found 10 normal patients.*5 % needs 19"):
        parts.calibrate(unread, patients=parts.patients[:11], rates=[0.05])

    items = [parts.dataset[index] for index in range(11)]
    with caplog.at_level(logging.WARNING):
        few = parts.calibrate(items, patients=parts.patients[:11])
    assert few.rates == (0.091,)
    assert "10 normal patients cannot promise a false-positive rate of 1 % or 5 % (99 or 19 patients" in caplog.text
    assert few.p_value(1e9, kind="volumes") == 1 / 11


def test_of_scans_with_lesions_the_other_slices_count_for_voxels(parts: Parts, tmp_path: Path) -> None:
    """Slices and those beside them, the farther the more is smoothed across; the scan itself gets no score."""
    parts.detector.smoothing_across = SliceSmoothing(0)
    items = [write_volume(tmp_path, f"{n}", seed=n, lesion=[2]) | {"patient": f"P{n}"} for n in range(3)]
    lesions = parts.of(write_datalist(tmp_path, validation=items))
    calibration = lesions.calibrate(rates=[0.3])
    assert (calibration.units, calibration.scans, calibration.scan_scores) == (3, 3, ())
    assert calibration.p_value(1e9, kind="volumes") is None

    def threshold(left_out: list[int]) -> float:
        voxels = []
        for index in range(3):
            scores, region = maps(lesions, lesions.dataset[index])
            region[..., left_out] = False
            voxels.append(scores[region].numpy())
        return NormalScores(voxels).threshold(0.3)

    assert calibration.pixel_thresholds[0] == pytest.approx(threshold([2]), rel=3e-6)
    margin = lesions.calibrate(rates=[0.3], lesion_margin=4.0)  # mm, as far as the next slice
    assert margin.pixel_thresholds[0] == pytest.approx(threshold([1, 2, 3]), rel=3e-6)
    assert threshold([2]) != pytest.approx(threshold([1, 2, 3]), rel=1e-5)
    parts.detector.smoothing_across = SliceSmoothing(2.0)
    smooth = lesions.calibrate(rates=[0.3])
    assert smooth.pixel_thresholds[0] == pytest.approx(threshold([1, 2, 3]), rel=3e-6)


def test_beside_normal_patients_those_with_lesions_count_for_voxels_alone(parts: Parts, tmp_path: Path) -> None:
    items = [parts.dataset[index] for index in range(2, 5)]
    items[0] = items[0] | {"label": torch.zeros_like(items[0]["region"])}
    with_normal_label = parts.calibrate(items, patients=["a", "b", "c"])
    assert len(with_normal_label.scan_scores) == 3  # an empty mask is no lesion
    label = torch.zeros_like(items[0]["region"])
    label[..., 1] = items[0]["region"][..., 1]
    calibration = parts.calibrate([items[0] | {"label": label}, *items[1:]], patients=["a", "b", "c"])
    assert (calibration.units, len(calibration.scan_scores)) == (3, 2)


def test_a_scan_with_nothing_to_score_is_left_out(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    items = [parts.dataset[index] for index in range(4)]  # of patients 0, 0, 1, 2
    patients = parts.patients[:4]
    for index in (0, 1):
        items[index] = items[index] | {"region": torch.zeros_like(items[index]["region"])}
    calibration = parts.calibrate(items, patients=patients)
    assert (calibration.units, calibration.scans, len(calibration.digests)) == (2, 2, 2)
    assert "Left out 2 scans in which there is nothing normal to score" in caplog.text
    with pytest.raises(ScoreCalibrationError, match="nothing to score in 2 scans"):
        parts.calibrate(items[:2], patients=patients[:2])
    with pytest.raises(ScoreCalibrationError, match="nothing to score in 0"):
        parts.calibrate([], patients=[])
    with pytest.raises(ValueError, match="3 patients for 4 items"):
        parts.calibrate(items, patients=patients[:3])
    with pytest.raises(ScoreCalibrationError, match=r"region of shape \(1, 48, 48, 5\); expected \(1, 48, 48, 6\)"):
        parts.calibrate([items[2] | {"region": items[2]["region"][..., :5]}], patients=["a"])


def test_scans_that_were_learnt_are_left_out_and_notes_are_told(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    items = [parts.dataset[index] for index in range(4)]  # of patients 0, 0, 1, 2
    for item in items:
        add_note(item["image"], "no mask was given")
    parts.detector.remember_scans(ScanOrigin.of(item["image"]).sha256 for item in items[:2])
    calibration = parts.calibrate(items, patients=parts.patients[:4])
    assert (calibration.units, calibration.scans) == (2, 2)
    assert "Left out 2 scans that the detector was trained on" in caplog.text
    assert "Of 2 of 2 scans to calibrate on: no mask was given" in caplog.text
    with pytest.raises(ScoreCalibrationError, match="not trained on these scans"):
        parts.calibrate(items[:2], patients=parts.patients[:2])


@pytest.mark.parametrize("patients", [["a", "a"], ["a", "b"]])
def test_volumes_and_single_images_are_not_mixed(parts: Parts, normal_images: Path, patients: list[str]) -> None:
    items = [parts.dataset[0], parts.of(normal_images).dataset[0]]
    with pytest.raises(ScoreCalibrationError, match="volumes and single images.*one kind"):
        parts.calibrate(items, patients=patients)


def test_a_map_that_is_no_number_is_told(parts: Parts) -> None:
    with torch.no_grad():
        next(parts.detector.network.parameters()).fill_(torch.nan)
    with pytest.raises(ScoreCalibrationError, match="NaN or infinite"):
        parts.calibrate()


def test_the_mode_of_the_detector_stays(parts: Parts) -> None:
    items = [parts.dataset[0]]
    for training in (True, False):
        parts.detector.train(training)
        parts.calibrate(items, patients=["a"])
        assert parts.detector.training is training


# --- p-values of scans ---


def test_who_gets_a_p_value(parts: Parts, checkpoint: Path, normal_images: Path, tmp_path: Path) -> None:
    """A new scan of the same kind; none that was calibrated on or trained on, and none of the other kind."""
    volume = write_volume(tmp_path, "new", seed=7000)["image"]
    image = str(write_normal_images(tmp_path / "new", patients=1, seed=3)[0])
    known = {"volumes": parts.dataset.data[0]["image"], "slices": parts.of(normal_images).dataset.data[0]["image"]}
    for kind, calibrated_on in (("volumes", parts), ("slices", parts.of(normal_images))):
        path = calibrated_checkpoint(checkpoint, tmp_path / f"{kind}.pt", calibrated_on.calibrate())
        predictor = ScanPredictor.from_bundle(BUNDLE, ckpt_path=path)
        same, other = (volume, image) if kind == "volumes" else (image, volume)
        result = predictor(same)
        assert result.calibration is not None
        assert result.p_value == result.calibration.p_value(result.score, kind=kind)  # type: ignore[arg-type]
        assert result.p_value is not None
        smallest = result.p_value == 1 / (len(result.calibration.scan_scores) + 1)
        assert (result.p_value_note is not None) == smallest
        result = predictor(other)
        assert result.p_value is None
        assert "cannot be compared" in str(result.p_value_note)
        assert result.threshold is not None  # and the report says what it rests on
        seen = predictor(known[kind])
        assert seen.p_value is None
        assert "calibrated on this very scan" in str(seen.p_value_note)

        digest = hashlib.sha256(Path(same).read_bytes()).hexdigest()
        predictor.network.remember_scans([digest])
        assert predictor(same).p_value is None
        assert "trained on this very scan" in str(predictor(same).p_value_note)
        torch.save(predictor.network.state_dict(), path)
        assert predictor.network.trained_on == (digest[:12],)
        assert ScanPredictor.from_bundle(BUNDLE, ckpt_path=path).network.trained_on == (digest[:12],)


# --- in the checkpoint ---


def test_a_checkpoint_keeps_it_and_all_else(parts: Parts, checkpoint: Path, tmp_path: Path) -> None:
    detector = parts.detector
    detector.remember_scans(["7" * 64])
    path = tmp_path / "wrapped.pt"
    before = torch.load(checkpoint, weights_only=True)
    torch.save({"model": before, "optimizer": {"lr": 0.5}, "epoch": 7}, path)
    calibrate_checkpoint(detector, path, parts.dataset, inferer=parts.inferer, rates=[0.05])
    assert detector.calibration is not None
    assert detector.calibration.units == PATIENTS

    after = torch.load(path, weights_only=True)
    assert (after["optimizer"], after["epoch"]) == ({"lr": 0.5}, 7)
    assert all(torch.equal(after["model"][key], before[key]) for key in before.keys() - {"_extra_state"})
    loaded = ScanPredictor.from_bundle(BUNDLE, ckpt_path=path).network
    assert loaded.calibration == detector.calibration
    assert loaded.settings == detector.settings
    assert list(tmp_path.iterdir()) == [path]

    # calibrated again, the state dict of a calibrated detector carries it too, and an older one takes it away
    fresh = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint).network
    assert fresh.calibration is None
    fresh.load_state_dict(detector.state_dict())
    assert fresh.state_dict()["_extra_state"].equal(detector.state_dict()["_extra_state"])
    fresh.load_checkpoint(checkpoint)
    assert saved_with(fresh.state_dict())["calibration"] is None


def test_a_manifest_tells_the_patients(parts: Parts, checkpoint: Path, tmp_path: Path) -> None:
    images = write_normal_images(tmp_path / "data", patients=2)
    rows = [f"{image.relative_to(tmp_path / 'data').as_posix()},the same" for image in images]
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(["file,patient", *rows]))
    path = calibrated_checkpoint(checkpoint, tmp_path / "model.pt", a_calibration())
    calibrate_checkpoint(parts.detector, path, parts.of(tmp_path / "data").dataset, inferer=parts.inferer)
    assert parts.detector.calibration is not None
    assert (parts.detector.calibration.units, parts.detector.calibration.scans) == (1, 2 * SLICES)


def test_a_calibration_is_not_written_into_other_weights(parts: Parts, checkpoint: Path, tmp_path: Path) -> None:
    detector = parts.detector
    detector.calibration = a_calibration()
    state = torch.load(checkpoint, weights_only=True)
    state["network.net.8.weight"] += 1
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(CheckpointMismatchError, match="other weights"):
        detector.save_calibration(tmp_path / "other.pt")


def test_a_checkpoint_whose_calibration_is_damaged_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    path = calibrated_checkpoint(checkpoint, tmp_path / "model.pt", a_calibration())
    assert ScanPredictor.from_bundle(BUNDLE, ckpt_path=path).network.calibration == a_calibration()
    saved = saved_with(read_checkpoint(path))
    saved["calibration"]["scan_scores"] = ["$__import__('os').getcwd()"] * 9
    replace_saved_with(path, saved)
    with pytest.raises(CheckpointError, match=r"damaged: expected a list of numbers\. Calibrate the checkpoint again"):
        ScanPredictor.from_bundle(BUNDLE, ckpt_path=path)
