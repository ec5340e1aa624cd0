"""An evaluation as one page of HTML that needs nothing beside it: no network, no script, no other file."""

import base64
import io
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from PIL import Image
from scipy import sparse

from monai_sar._atomic import atomic_path
from monai_sar.calibration.conformal import percent
from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.curves import Curve
from monai_sar.evaluation.evaluation import Evaluation
from monai_sar.evaluation.evaluation_plots import (
    Marks,
    plot_lesion_sizes,
    plot_precision_recall,
    plot_promises,
    plot_roc,
    plot_scores,
)
from monai_sar.evaluation.glimpse import Glimpse
from monai_sar.evaluation.operating_points import OperatingPoint, size_text
from monai_sar.evaluation.pixel_counts import LESION, NORMAL, lowest_scores
from monai_sar.evaluation.ranking_metrics import scan_counts
from monai_sar.metrics.lesion_score import FOUND_SHARE
from monai_sar.metrics.patient_bootstrap import Estimate
from monai_sar.results.display_range import range_from
from monai_sar.results.overlay import write_overlay

__all__ = ["Case", "write_evaluation_report"]

TEMPLATE = Path(__file__).with_name("evaluation_report.html")
FEW_PATIENTS = 20
SLICES = 4
"""So many slices of a volume are shown at most."""
_PICTURE_WIDTH, _WIDE_PICTURE_WIDTH = 640, 1120
_ABBREVIATIONS = ("auroc", "aupro", "mri", "ct", "oct")


@dataclass(frozen=True, eq=False)
class Case:
    """A scan that is shown.

    Attributes:
        number: of the scan, from 0.
        image: ``[H, W, D]``, intensities in [0, 1].
        score: its anomaly map, ``[H, W, D]``.
        region: boolean, ``[H, W, D]``: where scores count.
        lesion: boolean, ``[H, W, D]``.
        spacing: mm between rows, columns and slices; None where it is not known.
    """

    number: int
    image: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]
    region: npt.NDArray[np.bool_]
    lesion: npt.NDArray[np.bool_]
    spacing: tuple[float, ...] | None = None


def write_evaluation_report(
    path: str | os.PathLike[str],
    evaluation: Evaluation,
    cases: Mapping[str, Sequence[int]],
    load: Callable[[int], Case],
    glimpses: Mapping[int, Glimpse] | None = None,
) -> None:
    """Write the report.

    Args:
        path: the HTML file; replaced if it exists.
        evaluation: what to report.
        cases: numbers of the scans to show, from 0, by the name of their group.
        load: map one of them again; so that memory holds one at a time.
        glimpses: small pictures for the table of scans, by the number of the scan, from 0.
    """
    glimpses = glimpses or {}
    limits = _colour_limits(evaluation, [*glimpses, *(number for chosen in cases.values() for number in chosen)])
    threshold = None if evaluation.shown_point is None else evaluation.shown_point.pixel_threshold
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "estimate": _estimate,
        "number": _number,
        "rate": percent,
        "size": size_text,
        "words": _words,
    }
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        evaluation=evaluation,
        record=evaluation.record,
        shown=evaluation.shown_point,
        calibrated=[point for point in evaluation.points if point.rate is not None],
        warnings=_warnings(evaluation),
        plots=_plots(evaluation),
        scans=sorted(evaluation.scans, key=lambda row: -row.score),
        cases={
            name: [_shown_case(load(number), evaluation, limits) for number in chosen] for name, chosen in cases.items()
        },
        glimpses={
            number + 1: _address(taken.jpeg(limits, threshold), "image/jpeg") for number, taken in glimpses.items()
        },
        found_share=FOUND_SHARE,
        compared=any(row.input_check is not None for row in evaluation.scans),
        in_ml=all(facts.voxel_ml is not None for facts in evaluation.collected.facts),
    )
    with atomic_path(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _warnings(evaluation: Evaluation) -> list[str]:
    """What a reader must know before believing a number."""
    collected, warnings = evaluation.collected, []
    calibration = collected.calibration
    if calibration is None:
        warnings.append(
            "The detector is not calibrated, so no threshold was promised and none can be held to account. Run "
            "monai-sar calibrate, and evaluate again. What is shown at a threshold is the oracle's: it was chosen on "
            "these very scans and cannot be reached with others."
        )
    elif not calibration.rates:
        warnings.append(
            f"The detector was calibrated on {calibration.units} patients, too few to promise a false-positive rate: "
            f"there are no thresholds{', but p-values' if calibration.scan_scores else ' and no p-values'}."
        )
    elif evaluation.split == "valid":
        warnings.append(
            "A calibration is made on the normal scans of the validation split. If it was this one, the realised "
            "rates are no test of it."
        )
    if collected.patients.unknown:
        warnings.append(
            f"The patient of {collected.patients.unknown} scans is not known; each counts as a patient of its own. "
            "Where several are of one patient, the intervals are too narrow. A manifest.csv tells the patients."
        )
    warnings += _missing_p_values(collected)
    warnings += [note for note in (collected.unknown_lesions_note, collected.mask_warning) if note is not None]
    least = min(int(collected.have(kind).sum()) for kind in (~collected.abnormal, collected.abnormal))
    if least < FEW_PATIENTS:
        warnings.append(
            f"One of the classes has {least} patients. With fewer than {FEW_PATIENTS}, bootstrap intervals are too "
            "narrow; with fewer than 5 there are none."
        )
    return warnings


def _missing_p_values(collected: Collected) -> list[str]:
    """Why some scans of a calibrated detector have no p-value."""
    if collected.calibration is None:
        return []
    return [f"{count} of {len(collected.facts)} scans: {note}." for note, count in collected.missing_p_values.items()]


def _colour_limits(evaluation: Evaluation, shown: Sequence[int]) -> tuple[float, float]:
    """One colour range for all pictures, or they could not be compared.

    From the median of all scores in the regions to the highest score of a scan that is shown: above it is less than 1 %
    of that scan, and nothing of another.
    """
    collected, point = evaluation.collected, evaluation.shown_point
    every = np.asarray(sparse.vstack([facts.inside for facts in collected.facts]).sum(axis=0)).reshape(3, -1)
    counts = every[[NORMAL, LESION]].sum(axis=0)
    median = float(lowest_scores()[int(np.searchsorted(counts.cumsum(), counts.sum() / 2))])
    highest = collected.scores[list(shown)] if shown else collected.scores
    return range_from(median, float(highest.max()), threshold=None if point is None else point.pixel_threshold)


def _plots(evaluation: Evaluation) -> dict[str, Markup]:
    """The diagrams by name, as addresses of pictures; those that have nothing to show are left out."""
    collected = evaluation.collected
    calibrated = [point for point in evaluation.points if point.rate is not None]
    of_scans = Curve.of(*scan_counts(collected))
    of_pixels = {
        name: curve
        for name, pixels in (("in the region", collected.inside), ("whole scan", collected.everywhere))
        if (curve := Curve.of(*(pixels.groups[kind].sum(axis=0) for kind in (NORMAL, LESION)))) is not None
    }
    marks = Marks(
        [percent(point.rate or 0) for point in calibrated], [point.scan_threshold or 0.0 for point in calibrated]
    )
    normal, abnormal = collected.scores[~collected.abnormal], collected.scores[collected.abnormal]
    drawn = {"scores": plot_scores(normal, abnormal, marks)}
    if of_scans is not None:
        drawn |= {"scan_roc": plot_roc({"scans": of_scans}), "scan_pr": plot_precision_recall({"scans": of_scans})}
    if of_pixels:
        drawn |= {"pixel_roc": plot_roc(of_pixels), "pixel_pr": plot_precision_recall(of_pixels)}
    if collected.lesions and evaluation.points:
        drawn["lesions"] = plot_lesion_sizes(evaluation.points, collected.size_unit)
    if collected.calibration is not None and normal.size:
        p_values = np.array([p_value for p_value, _ in collected.p_values], np.float64)
        held = ~collected.abnormal & np.isfinite(p_values)
        # a patient counts as one, as for the promise
        patient = collected.patients.of_scan[held]
        weights = 1 / np.bincount(patient)[patient] if held.any() else np.zeros(0)
        if calibrated or held.any():
            drawn["promises"] = plot_promises(calibrated, p_values[held], weights / max(weights.sum(), 1e-9))
    return {name: _address(svg.encode(), "image/svg+xml") for name, svg in drawn.items()}


def _shown_case(case: Case, evaluation: Evaluation, limits: tuple[float, float]) -> dict[str, Any]:
    picture = _picture(case, evaluation.shown_point, limits)
    return {
        "row": evaluation.scans[case.number],
        "wide": case.image.shape[2] > 1,
        "picture": _address(picture, "image/jpeg"),
    }


def _picture(case: Case, point: OperatingPoint | None, limits: tuple[float, float]) -> bytes:
    """The overlay of a case as JPEG: a page with eight PNGs would have megabytes."""
    score = np.where(case.region, case.score, 0)
    flagged = None if point is None else (score > point.pixel_threshold) & case.region
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overlay.png"
        write_overlay(
            path,
            case.image,
            score,
            spacing=None if case.spacing is None else (case.spacing[0], case.spacing[1], case.spacing[2]),
            region=case.region,
            mask=flagged,
            lesion=case.lesion if case.lesion.any() else None,
            threshold=None if point is None else point.pixel_threshold,
            limits=limits,
            slices=SLICES,
        )
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    width = _WIDE_PICTURE_WIDTH if case.image.shape[2] > 1 else _PICTURE_WIDTH
    picture.thumbnail((width, 4 * _PICTURE_WIDTH), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue()


def _address(content: bytes, kind: str) -> Markup:
    # base64 holds nothing that HTML would read
    return Markup(f"data:{kind};base64,{base64.b64encode(content).decode()}")  # noqa: S704


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if 0.001 <= abs(value) < 100 or value == 0 else f"{value:.3g}"


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{round(100 * rate, 1):g} %" if rate >= 0.01 else f"{100 * rate:.2g} %"


def _estimate(found: Estimate, *, share: bool = False) -> str:
    """``0.912 (0.881 to 0.940)``, or in percent."""
    shown = _percent if share else _number
    if found.low is None or found.high is None:
        return shown(found.value)
    return f"{shown(found.value)} ({shown(found.low)} to {shown(found.high)})"


def _words(name: str) -> str:
    """The name of a metric for people: ``region_pixel_auroc`` -> ``Region pixel AUROC``."""
    words = " ".join(word.upper() if word in _ABBREVIATIONS else word for word in name.split("_"))
    return words[:1].upper() + words[1:]
