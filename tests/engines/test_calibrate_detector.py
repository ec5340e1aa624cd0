"""A detector's scores of normal images become thresholds, and stay in its checkpoint."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import Dataset
from torch import Tensor

from monai_sar.calibration import ScoreCalibrationError
from monai_sar.calibration.conformal import NormalScores
from monai_sar.datasets import load_bmad_datalist
from monai_sar.datasets.patients import patient_of
from monai_sar.engines import calibrate_checkpoint, calibrate_detector
from monai_sar.inferers import ScanPredictor
from monai_sar.metrics import top_mean
from monai_sar.networks import AnomalyDetector
from monai_sar.networks.checkpoint import (
    CheckpointError,
    CheckpointMismatchError,
    read_checkpoint,
    replace_saved_with,
    saved_with,
)
from monai_sar.settings.bundle_config import read_bundle_config, use_checkpoint_settings
from tests.calibration.conftest import PATIENTS, SLICES, a_calibration, calibrated_checkpoint, write_normal_images
from tests.conftest import BUNDLE

Part = tuple[AnomalyDetector, Dataset]


@pytest.fixture
def parts(checkpoint: Path, normal_images: Path) -> Part:
    """Detector and preprocessed normal images, as the bundle's training has them."""
    parser = read_bundle_config(BUNDLE, "train", parts=(), overrides={})
    use_checkpoint_settings(parser, checkpoint, overrides=(), fixed=("modality",))
    detector = parser.get_parsed_content("network")
    detector.load_checkpoint(checkpoint)
    data = load_bmad_datalist(normal_images, "valid", classes=["good"])
    return detector, Dataset(data, parser.get_parsed_content("preprocessing"))


def patients_of(dataset: Dataset) -> list[str | None]:
    return [patient_of(item["image"]) for item in dataset.data]


def inside(detector: AnomalyDetector, item: dict[str, Any]) -> Tensor:
    with torch.no_grad():
        scores: Tensor = detector(item["image"].as_tensor()[None])[0]
    return scores[torch.as_tensor(item["region"]).as_subclass(Tensor)]


def test_it_is_what_brute_force_finds(parts: Part) -> None:
    """All pixels of all patients in memory, all scores one by one."""
    detector, dataset = parts
    patients = patients_of(dataset)
    calibration = calibrate_detector(detector, dataset, patients=patients, rates=[0.1, 0.05])  # type: ignore[arg-type]
    assert (calibration.rates, calibration.unit) == ((0.05, 0.1), "patient")
    assert (calibration.units, calibration.images) == (PATIENTS, PATIENTS * SLICES)

    pixels: dict[str | None, list[Tensor]] = {}
    for index, patient in enumerate(patients):
        pixels.setdefault(patient, []).append(inside(detector, dataset[index]))
    scans = {patient: top_mean(torch.cat(scores), 0.01) for patient, scores in pixels.items()}
    assert calibration.scan_scores == pytest.approx(sorted(scans.values()))
    order = sorted(scans, key=lambda patient: scans[patient])
    for patient, images in zip(order, calibration.image_scores, strict=True):
        assert images == pytest.approx(sorted(top_mean(each, 0.01) for each in pixels[patient]))

    exact = NormalScores([torch.cat(scores).numpy() for scores in pixels.values()])
    for rate, threshold in zip(calibration.rates, calibration.pixel_thresholds, strict=True):
        assert threshold == pytest.approx(exact.threshold(rate))  # fewer pixels than levels: exact
        shares = [float((torch.cat(scores) > threshold).float().mean()) for scores in pixels.values()]
        assert (1 + sum(shares)) / (1 + PATIENTS) <= rate + 1e-6
    for rate, threshold in zip(calibration.rates, calibration.scan_thresholds, strict=True):
        assert (1 + sum(score > threshold for score in scans.values())) / (1 + PATIENTS) <= rate
    assert sorted(calibration.image_thresholds, reverse=True) == list(calibration.image_thresholds)


def test_neither_order_nor_names_of_images_matter_but_their_content_does(parts: Part) -> None:
    detector, dataset = parts
    patients = patients_of(dataset)
    order = np.random.default_rng(0).permutation(len(patients))
    items = [dataset[index] for index in range(len(patients))]
    one = calibrate_detector(detector, items, patients=patients, rates=[0.05])
    two = calibrate_detector(
        detector, [items[i] for i in order], patients=[f"renamed {patients[i]}" for i in order], rates=[0.05]
    )
    assert one == two
    items[3] = items[3] | {"image": items[3]["image"] * 0.999}
    three = calibrate_detector(detector, items, patients=patients, rates=[0.05])
    assert three.data_sha256 != one.data_sha256


def test_images_of_unknown_patients_count_as_one_each(parts: Part) -> None:
    detector, dataset = parts
    patients = patients_of(dataset)
    some = calibrate_detector(detector, dataset, patients=[None, *patients[1:]])  # type: ignore[arg-type]
    assert (some.unit, some.units, some.images) == ("image", PATIENTS + 1, PATIENTS * SLICES)
    none = calibrate_detector(detector, dataset, patients=[None] * len(patients))  # type: ignore[arg-type]
    assert none.units == PATIENTS * SLICES
    assert none.image_thresholds == none.scan_thresholds


def test_rates_beyond_the_patients_are_an_error_or_left_out(parts: Part, caplog: pytest.LogCaptureFixture) -> None:
    detector, dataset = parts
    unread = [None] * len(dataset)  # that there are too few is told before anything is read

    def call(count: int, **rates: Any) -> Any:
        return calibrate_detector(detector, unread[: 2 * count], patients=patients_of(dataset)[: 2 * count], **rates)  # type: ignore[arg-type]

    with pytest.raises(ScoreCalibrationError, match="Found 10 normal patients.*5 % needs 19"):
        call(10, rates=[0.05])

    items = [dataset[index] for index in range(20)]
    patients = patients_of(dataset)
    with caplog.at_level(logging.WARNING):
        few = calibrate_detector(detector, items, patients=patients[:20])
    assert few.rates == few.pixel_thresholds == ()
    assert few.p_value(1e9) == 1 / 11
    assert "10 normal patients cannot promise a false-positive rate of 1 % or 5 % (99 or 19 patients" in caplog.text
    assert calibrate_detector(detector, dataset, patients=patients).rates == (0.05,)  # type: ignore[arg-type]


def test_an_image_with_nothing_to_score_is_left_out(parts: Part, caplog: pytest.LogCaptureFixture) -> None:
    detector, dataset = parts
    items = [dataset[index] for index in range(4)]
    patients = patients_of(dataset)[:4]
    for index in (0, 1):
        items[index] = items[index] | {"region": torch.zeros_like(torch.as_tensor(items[index]["region"]))}
    calibration = calibrate_detector(detector, items, patients=patients)
    assert (calibration.units, calibration.images) == (1, 2)
    assert "Left out 2 images whose region is empty" in caplog.text
    with pytest.raises(ScoreCalibrationError, match="nothing to score in 2 normal images"):
        calibrate_detector(detector, items[:2], patients=patients[:2])
    with pytest.raises(ScoreCalibrationError, match="nothing to score in 0"):
        calibrate_detector(detector, [], patients=[])
    with pytest.raises(ValueError, match="3 patients for 4 items"):
        calibrate_detector(detector, items, patients=patients[:3])


def test_a_map_that_is_no_number_is_told(parts: Part) -> None:
    detector, dataset = parts
    with torch.no_grad():
        next(detector.network.parameters()).fill_(torch.nan)
    with pytest.raises(ScoreCalibrationError, match="NaN or infinite"):
        calibrate_detector(detector, dataset, patients=patients_of(dataset))  # type: ignore[arg-type]


def test_the_mode_of_the_detector_stays(parts: Part) -> None:
    detector, dataset = parts
    items = [dataset[0]]
    for training in (True, False):
        detector.train(training)
        calibrate_detector(detector, items, patients=["a"])
        assert detector.training is training


# --- in the checkpoint ---


def test_a_checkpoint_keeps_it_and_all_else(parts: Part, checkpoint: Path, normal_images: Path, tmp_path: Path) -> None:
    detector, dataset = parts
    path = tmp_path / "wrapped.pt"
    before = torch.load(checkpoint, weights_only=True)
    torch.save({"model": before, "optimizer": {"lr": 0.5}, "epoch": 7}, path)
    calibrate_checkpoint(detector, path, dataset, root=normal_images, rates=[0.05])
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


def test_a_manifest_tells_the_patients(parts: Part, checkpoint: Path, tmp_path: Path) -> None:
    detector, _ = parts
    images = write_normal_images(tmp_path / "data", patients=2)
    rows = [f"{image.relative_to(tmp_path / 'data').as_posix()},the same" for image in images]
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(["file,patient", *rows]))
    path = calibrated_checkpoint(checkpoint, tmp_path / "model.pt", a_calibration())
    dataset = Dataset([{"image": str(image)} for image in images], parts[1].transform)
    calibrate_checkpoint(detector, path, dataset, root=tmp_path / "data")
    assert detector.calibration is not None
    assert detector.calibration.units == 1


def test_a_calibration_is_not_written_into_other_weights(parts: Part, checkpoint: Path, tmp_path: Path) -> None:
    detector, _ = parts
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
