"""A calibration in words, for the log and the terminal."""

from monai_sar.calibration.calibration import Calibration
from monai_sar.calibration.conformal import percent, smallest_rate

__all__ = ["summary"]


def summary(calibration: Calibration) -> str:
    """Say what is promised, and how much so many patients can promise."""
    units, normal = calibration.units, len(calibration.scan_scores)
    who = f"{units} {'normal ' if normal else ''}patient{'s' if units > 1 else ''}"
    if calibration.unit == "scan":
        who += " (a scan whose patient is not known counts as one; if some are of the same patient, less is promised)"
    what = "volumes" if calibration.kind == "volumes" else "single slices"
    lines = [f"Calibrated on {calibration.scans} {what} of {who}, SHA-256 {calibration.data_sha256[:12]}."]
    if normal == 0:
        rest = "thresholds rest on the other slices, and scans" if calibration.rates else "scans"
        lines.append(f"Every scan shows a lesion: {rest} get no p-value.")
    else:
        lines.append(f"p-values of {what} from {smallest_rate(normal):.3g} upwards.")
    if not calibration.rates:
        lines.append("No thresholds: there are too few patients to promise a false-positive rate of 10 %.")
        return "\n".join(lines)
    rows = [["at most", "voxels above", "scans above", "realised rate of scans (95 %)"]]
    of_scans = dict(zip(calibration.scan_rates, calibration.scan_thresholds, strict=True))
    for rate, threshold in zip(calibration.rates, calibration.pixel_thresholds, strict=True):
        row = [percent(rate), f"{threshold:.5g}"]
        if rate in of_scans:
            low, high = calibration.realised_rate_interval(rate)
            row += [f"{of_scans[rate]:.5g}", f"{percent(low)} to {percent(high)}"]
        rows.append(row + ["-"] * (4 - len(row)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines += ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(lines)
