"""The p-value of one scan, or why it has none."""

from collections.abc import Collection

from monai_sar.calibration.calibration import DIGEST, Calibration, Kind
from monai_sar.calibration.conformal import smallest_rate

__all__ = ["p_value_in_words", "scan_p_value"]


def scan_p_value(
    calibration: Calibration | None, score: float, *, kind: Kind, digest: str = "", trained_on: Collection[str] = ()
) -> tuple[float | None, str | None]:
    """How probable so high a score is for a new normal patient; or None. And what to know of it, if there is something.

    That is why it cannot be told; or that it is the smallest there is, which looks like little where patients are few.

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
    if note := calibration.why_no_p_value(kind=kind, digest=digest):
        return None, note
    p_value, patients = calibration.p_value(score, kind=kind), len(calibration.scan_scores)
    smallest = p_value is not None and p_value <= smallest_rate(patients)
    return p_value, f"the smallest that {patients} normal patients allow" if smallest and patients > 1 else None


def p_value_in_words(p_value: float | None, note: str | None) -> str:
    """What :func:`scan_p_value` gave, for a line of text; empty if that is nothing.

    Example:
        >>> p_value_in_words(0.2, "the smallest that 4 normal patients allow")
        'p-value 0.2 (the smallest that 4 normal patients allow)'
    """
    if p_value is None:
        return note or ""
    return f"p-value {p_value:.3g}" + (f" ({note})" if note else "")
