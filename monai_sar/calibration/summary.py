"""A calibration in words, for the log and the terminal."""

from monai_sar.calibration.calibration import Calibration
from monai_sar.calibration.conformal import percent, smallest_rate

__all__ = ["summary"]


def summary(calibration: Calibration) -> str:
    """Say what is promised, and how much so many patients can promise."""
    units = calibration.units
    who = f"{units} normal patients" if units != 1 else "1 normal patient"
    if calibration.unit == "image":
        who += " (an image whose patient is not known counts as one; if some are of the same patient, less is promised)"
    lines = [
        f"Calibrated on {calibration.images} images of {who}, SHA-256 {calibration.data_sha256[:12]}.",
        f"p-values from {smallest_rate(units):.3g} upwards.",
    ]
    if calibration.rates:
        rows = [["at most", "pixels above", "images above", "scans above", "realised rate of scans (95 %)"]]
        for index, rate in enumerate(calibration.rates):
            low, high = calibration.realised_rate_interval(rate)
            thresholds = (calibration.pixel_thresholds, calibration.image_thresholds, calibration.scan_thresholds)
            rows.append(
                [percent(rate), *(f"{each[index]:.5g}" for each in thresholds), f"{percent(low)} to {percent(high)}"]
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    else:
        lines.append("No thresholds: there are too few patients to promise a false-positive rate of 5 %.")
    return "\n".join(lines)
