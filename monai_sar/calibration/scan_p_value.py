"""The p-value of one scan, or why it has none."""

from collections.abc import Collection

from monai_sar.calibration.calibration import DIGEST, Calibration, Kind

__all__ = ["scan_p_value"]


def scan_p_value(
    calibration: Calibration | None, score: float, *, kind: Kind, digest: str = "", trained_on: Collection[str] = ()
) -> tuple[float | None, str | None]:
    """How probable so high a score is for a new normal patient; or None and, in a sentence, why that cannot be told.

    Args:
        calibration: of the detector; None if it has none.
        score: of the scan.
        kind: what it is, a volume or a single image.
        digest: SHA-256 of the scan.
        trained_on: first digits of the SHA-256 of the scans that the detector was trained on.
    """
    if calibration is None:
        return None, "no p-value: the detector is not calibrated"
    if digest[:DIGEST] in trained_on:
        return None, "no p-value: the detector was trained on this very scan"
    note = calibration.why_no_p_value(kind=kind, digest=digest)
    return (None, note) if note else (calibration.p_value(score, kind=kind), None)
