"""What is said of a map: scores of tissue alone, slice by slice and of the whole, and what is flagged."""

from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from torch import Tensor

from monai_sar.calibration import Calibration, ScoreCalibrationError
from monai_sar.calibration.flagging import choose_flagging
from monai_sar.metrics.anomaly_score import TOP_FRACTION
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet
from monai_sar.results import AnomalyResult, Provenance
from tests.calibration.conftest import a_calibration

SHAPE = (1, 20, 30, 4)  # rows, columns, slices as displayed
SHA256 = "a" * 64
SETTINGS: dict[str, Any] = {"encoder": {"model_name": "any"}}
PROVENANCE = Provenance(settings=SETTINGS, checkpoint_sha256="0" * 64, device="cpu", amp=False)


def item(scores: Tensor, tissue: Tensor | None = None) -> dict[str, Any]:
    """What inference makes of a scan whose first axis is stored from left to right, not from right to left."""
    image = torch.full(SHAPE, 0.4) if tissue is None else tissue.float() * 0.4
    image[0, 0, 0] = 0  # a picture of one value shows nothing
    affine = torch.diag(torch.tensor([1.0, 1, 3, 1], dtype=torch.float64))
    origin = {
        "filename_or_obj": "scan.nii.gz",
        "kind": "nifti",
        "modality": "",
        "slice_axis": 2,
        "sha256": SHA256,
        "instances": [],
        "frame_numbers": [],
    }
    return {
        "image": MetaTensor(image, affine=affine),
        "display_map": MetaTensor(scores, affine=affine),
        "region": image > 0,
        "pred": MetaTensor(scores.flip(1), affine=affine, meta=origin),
    }


def detector(calibration: Calibration | None = None) -> AnomalyDetector:
    encoder = DINOv3Encoder("vit_tiny_patch16_224", weights="random")
    made = AnomalyDetector(encoder, SpatialARNet(2, encoder.channels, hidden_channels=8, dilations=(1,)))
    made.calibration = calibration
    return made


UNCALIBRATED = detector()


def result_of(
    scores: Tensor,
    tissue: Tensor | None = None,
    threshold: float | None = None,
    calibration: Calibration | None = None,
) -> AnomalyResult:
    used = UNCALIBRATED if calibration is None else detector(calibration)
    return AnomalyResult.from_item(item(scores, tissue), detector=used, provenance=PROVENANCE, threshold=threshold)


def test_scores_are_the_mean_of_the_highest_hundredth_of_the_tissue() -> None:
    scores = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0))
    result = result_of(scores)
    inside = torch.ones(SHAPE, dtype=torch.bool)
    inside[0, 0, 0] = False

    def expected(values: Tensor) -> float:
        return float(np.sort(values.numpy())[-round(TOP_FRACTION * values.numel()) :].mean())

    assert result.score == pytest.approx(expected(scores[inside]))
    for z, score in enumerate(result.slice_scores):
        assert score == pytest.approx(expected(scores[..., z][inside[..., z]]))


def test_air_does_not_count() -> None:
    """However abnormal the network finds it, and however much of it there is."""
    tissue = torch.zeros(SHAPE, dtype=torch.bool)
    tissue[:, 5:15, 5:15] = True
    scores = torch.where(tissue, torch.rand(SHAPE), 1000.0)
    result = result_of(scores, tissue)
    assert max(result.score, *(score for score in result.slice_scores if score is not None)) < 1


def test_a_slice_without_tissue_has_no_score() -> None:
    tissue = torch.ones(SHAPE, dtype=torch.bool)
    tissue[..., 2] = False
    result = result_of(torch.rand(SHAPE), tissue)
    assert [score is None for score in result.slice_scores] == [False, False, True, False]


def test_what_is_flagged_lies_on_the_grid_of_the_scan() -> None:
    scores = torch.zeros(SHAPE)
    scores[0, 3, 4, 1] = 5.0
    result = result_of(scores, threshold=5.0)
    assert result.mask is not None
    assert not result.mask.any()  # above, not at, the threshold

    mask = result_of(scores, threshold=4.9).mask
    assert mask is not None
    assert mask.dtype == torch.bool
    assert mask.nonzero().tolist() == [[0, 16, 4, 1]]  # flipped back
    assert torch.equal(mask.affine, item(scores)["pred"].affine)


def test_without_a_threshold_nothing_is_said_of_single_voxels() -> None:
    result = result_of(torch.rand(SHAPE))
    assert result.mask is None
    assert result.threshold is None
    assert result.p_value is None  # nor of how rare the score is, before there is a calibration
    assert result.p_value_note == "no p-value: the detector is not calibrated"


def test_a_calibrated_detector_flags_at_its_rate_and_gives_p_values() -> None:
    scores = torch.full(SHAPE, 0.6)
    scores[0, 3, 4, 1] = 0.95
    calibration = a_calibration([0.1, 0.5, 0.9], (0.3,))
    result = AnomalyResult.from_item(item(scores), detector=detector(calibration), provenance=PROVENANCE)
    assert (result.threshold, result.false_positive_rate) == (0.9, 0.3)
    assert result.mask is not None
    assert int(result.mask.sum()) == 1
    assert result.p_value == 2 / 4
    assert result.p_value_note is None

    one = {key: value[..., :1] for key, value in item(torch.full(SHAPE, 0.6)).items()}
    single = AnomalyResult.from_item(one, detector=detector(calibration), provenance=PROVENANCE)
    assert single.p_value is None
    assert "calibrated on whole volumes" in str(single.p_value_note)


def test_a_scan_that_the_detector_has_seen_gets_no_p_value() -> None:
    calibration = a_calibration(digests=(SHA256[:12],))
    known = result_of(torch.rand(SHAPE), calibration=calibration)
    assert known.p_value is None
    assert "calibrated on this very scan" in str(known.p_value_note)
    learnt = detector(a_calibration())
    learnt.remember_scans([SHA256, "0" * 64])
    result = AnomalyResult.from_item(item(torch.rand(SHAPE)), detector=learnt, provenance=PROVENANCE)
    assert result.p_value is None
    assert "trained on this very scan" in str(result.p_value_note)


def test_which_threshold_flags() -> None:
    """One that was given by hand wins, and promises nothing; then the rate asked for; then 5 %; then the smallest."""
    many = [float(score) for score in range(1, 120)]
    calibration = a_calibration(many, (0.01, 0.05, 0.1))
    assert choose_flagging(calibration) == (118, 0.05)
    assert choose_flagging(calibration, false_positive_rate=0.01) == (119, 0.01)
    assert choose_flagging(calibration, threshold=3.0, false_positive_rate=0.01) == (3.0, None)
    assert choose_flagging(a_calibration()) == (9, 0.1)
    assert choose_flagging(a_calibration(rates=())) == (None, None)
    assert choose_flagging(None) == (None, None)
    with pytest.raises(ScoreCalibrationError, match="calibrated for 1 %, 5 %, 10 %"):
        choose_flagging(calibration, false_positive_rate=0.02)
    with pytest.raises(ScoreCalibrationError, match="the checkpoint is not calibrated"):
        choose_flagging(None, false_positive_rate=0.05)


def test_a_known_lesion_is_shown() -> None:
    lesion = torch.zeros(SHAPE)
    lesion[0, 2, 2, 2] = 3  # some outlines number their parts
    given = item(torch.rand(SHAPE)) | {"label": lesion}
    shown = AnomalyResult.from_item(given, detector=UNCALIBRATED, provenance=PROVENANCE).display.lesion
    assert shown is not None
    assert shown.nonzero().tolist() == [[0, 2, 2, 2]]
    assert result_of(torch.rand(SHAPE)).display.lesion is None


def test_scores_that_are_no_numbers_are_told() -> None:
    scores = torch.rand(SHAPE)
    scores[0, 5, 5, 1] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        result_of(scores)
