"""The table of all scans: what is told of each."""

from typing import NamedTuple

from monai_sar.evaluation.collected import Collected
from monai_sar.evaluation.operating_points import OperatingPoint
from monai_sar.metrics.lesion_agreement import dice

__all__ = ["ScanRow", "scan_table"]


class ScanRow(NamedTuple):
    """One scan; None is what cannot be told.

    Attributes:
        scan: its number, from 1.
        name: as its results would be called; empty if it is not to be told.
        patient: the number of its patient, from 1.
        abnormal: 1 or 0.
        score: of the scan.
        p_value: of the scan.
        flagged_voxels: in the region, at the threshold that is shown.
        flagged_ml: their volume.
        lesion_voxels: of the whole mask; none of an abnormal scan without one.
        lesion_ml: their volume.
        dice: at that threshold; none of a scan without lesion.
        lesions: how many, connected; none likewise.
        lesions_found: at that threshold.
        average_precision: of the voxels in the region.
        input_check: "ok", or in what the scan is unlike those that were calibrated on.
    """

    scan: int
    name: str
    patient: int
    abnormal: int
    score: float
    p_value: float | None
    flagged_voxels: int | None
    flagged_ml: float | None
    lesion_voxels: int | None
    lesion_ml: float | None
    dice: float | None
    lesions: int | None
    lesions_found: int | None
    average_precision: float | None
    input_check: str | None


def scan_table(collected: Collected, shown: OperatingPoint | None) -> list[ScanRow]:
    """A row for each scan, in the order of the data set.

    Args:
        collected: facts of all scans.
        shown: the threshold at which scans are shown.
    """
    rows = []
    for number, facts in enumerate(collected.facts):
        agreement, voxel_ml = facts.agreement, facts.voxel_ml
        normal, hits = (None, None) if shown is None else map(int, shown.flagged[number])
        flagged = None if normal is None or hits is None else normal + hits
        known = facts.lesions_known
        rows.append(
            ScanRow(
                scan=number + 1,
                name=facts.name,
                patient=int(collected.patients.of_scan[number]) + 1,
                abnormal=int(collected.abnormal[number]),
                score=facts.score,
                p_value=collected.p_values[number][0],
                flagged_voxels=flagged,
                flagged_ml=None if flagged is None or voxel_ml is None else flagged * voxel_ml,
                lesion_voxels=agreement.voxels if known else None,
                lesion_ml=agreement.voxels * voxel_ml if known and voxel_ml is not None else None,
                dice=None if normal is None or hits is None else dice(normal, hits, agreement.voxels),
                lesions=len(agreement.lesions) if known else None,
                lesions_found=agreement.found(shown.pixel_threshold) if known and shown is not None else None,
                average_precision=agreement.average_precision,
                input_check=None if facts.input_check is None else ", ".join(facts.input_check.topics) or "ok",
            )
        )
    return rows
