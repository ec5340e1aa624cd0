"""Above which score a voxel is flagged."""

from typing import NamedTuple

from monai_sar.calibration.calibration import DEFAULT_FLAG_RATE, Calibration
from monai_sar.calibration.conformal import ScoreCalibrationError, percent

__all__ = ["Flagging", "choose_flagging"]


class Flagging(NamedTuple):
    """What a mask shows.

    Attributes:
        threshold: score above which a voxel is flagged; None: no mask.
        false_positive_rate: the share of a normal patient's voxels that this flags at most, in expectation; None if the
            threshold was given by hand, and promises nothing.
    """

    threshold: float | None
    false_positive_rate: float | None


def choose_flagging(
    calibration: Calibration | None, *, threshold: float | None = None, false_positive_rate: float | None = None
) -> Flagging:
    """Choose the threshold of a mask: the one that was given; else that of a calibrated rate; else none.

    Args:
        calibration: of the detector.
        threshold: given by hand; it wins.
        false_positive_rate: one of the calibrated rates; by default 5 %, or else the smallest there is.

    Raises:
        ScoreCalibrationError: a rate was asked for that the detector is not calibrated for.
    """
    if threshold is not None:
        return Flagging(threshold, None)
    if calibration is None:
        if false_positive_rate is not None:
            raise ScoreCalibrationError(
                f"A false-positive rate of {percent(false_positive_rate)} was asked for, but the checkpoint is not "
                "calibrated. Calibrate it on normal images: monai-sar calibrate BUNDLE DATASET"
            )
        return Flagging(None, None)
    if false_positive_rate is None:
        if not calibration.rates:
            return Flagging(None, None)
        false_positive_rate = DEFAULT_FLAG_RATE if DEFAULT_FLAG_RATE in calibration.rates else calibration.rates[0]
    return Flagging(calibration.pixel_threshold(false_positive_rate), false_positive_rate)
