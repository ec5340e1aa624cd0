"""From the scores of normal patients to a calibration."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Literal

from monai_sar.calibration.calibration import DEFAULT_RATES, DIGEST, Calibration
from monai_sar.calibration.conformal import (
    NormalScores,
    ScoreCalibrationError,
    percent,
    smallest_promise,
    smallest_rate,
    units_needed,
)
from monai_sar.calibration.input_reference import InputReference
from monai_sar.calibration.patient_scores import PatientScores

__all__ = ["calibration_from_scores", "promised_rates"]

_logger = logging.getLogger(__name__)

LARGEST_OWN_RATE = 0.1
"""A rate that is promised without being asked for is at most so large: above, a mask shows too much."""


def calibration_from_scores(
    scored: Sequence[PatientScores], rates: Sequence[float] | None, *, unit: Literal["patient", "scan"]
) -> Calibration:
    """Find thresholds and normal scores, such that what they promise holds for new normal patients.

    Args:
        scored: one for each patient, at least one.
        rates: false-positive rates to promise; None: 1 % and 5 %, those of them that need no more patients than there
            are; if that is neither, the smallest that can be promised, if it is at most 10 %. What is not promised is
            told in the log.
        unit: "patient"; or "scan", if the patients of some scans are not known.

    Raises:
        ScoreCalibrationError: too few patients for a rate that was given, or single images among volumes.
    """
    kinds = {patient.kind for patient in scored}
    if len(kinds) > 1:
        raise ScoreCalibrationError(
            "Found volumes and single images among the scans to calibrate on; expected scans of one kind, because the "
            "scores of one say nothing of the other. Calibrate on each by itself."
        )
    promised = promised_rates(len(scored)) if rates is None else sorted(set(rates))
    _tell_unpromised(promised, scored, given=rates is not None)
    with_normal_scan = sorted((patient for patient in scored if patient.scans), key=lambda patient: max(patient.scans))
    pixels = NormalScores([patient.pixels for patient in scored])
    of_scans = [rate for rate in promised if units_needed(rate) <= len(with_normal_scan)]
    scans = NormalScores([patient.scans for patient in with_normal_scan]) if of_scans else None
    traits = [patient.traits for patient in scored]
    digests = sorted(digest for patient in scored for digest in patient.digests)
    return Calibration(
        rates=tuple(promised),
        pixel_thresholds=tuple(map(pixels.threshold, promised)),
        scan_thresholds=() if scans is None else tuple(map(scans.threshold, of_scans)),
        scan_scores=tuple(tuple(sorted(patient.scans)) for patient in with_normal_scan),
        units=len(scored),
        unit=unit,
        kind=kinds.pop(),
        scans=len(digests),
        digests=tuple(sorted({source[:DIGEST] for patient in scored for source in patient.sources})),
        data_sha256=hashlib.sha256(b"".join(digests)).hexdigest(),
        inputs=InputReference.of(traits) if all(traits) else None,
    )


def promised_rates(patients: int) -> list[float]:
    """The rates that are promised if none are asked for."""
    usual = [rate for rate in DEFAULT_RATES if units_needed(rate) <= patients]
    smallest = smallest_promise(patients)
    return usual or [smallest] * (smallest <= LARGEST_OWN_RATE)


def _tell_unpromised(promised: Sequence[float], scored: Sequence[PatientScores], *, given: bool) -> None:
    unpromised = [rate for rate in DEFAULT_RATES if not given and rate not in promised]
    if unpromised:
        units, normal = len(scored), sum(bool(patient.scans) for patient in scored)
        _logger.warning(
            "%d %s cannot promise a false-positive rate of %s (%s patients are needed)%s%s. For thresholds at another "
            "rate: monai-sar calibrate BUNDLE DATASET --rates %.2g",
            units,
            ("normal patient" if normal else "patient") + ("s" if units > 1 else ""),
            " or ".join(map(percent, unpromised)),
            " or ".join(str(units_needed(rate)) for rate in unpromised),
            "" if not promised or promised[0] in DEFAULT_RATES else f": {percent(promised[0])} is promised",
            f"; p-values begin at {smallest_rate(normal):.3g}" if normal else "",
            smallest_promise(units),
        )
