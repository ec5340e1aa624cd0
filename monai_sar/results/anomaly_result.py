"""What the anomaly map of one scan says, and how it was made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from monai.data import MetaTensor
from torch import Tensor

from monai_sar.calibration.calibration import Calibration
from monai_sar.calibration.check_input import check_input
from monai_sar.calibration.flagging import choose_flagging
from monai_sar.calibration.input_check import InputCheck
from monai_sar.calibration.scan_p_value import scan_p_value
from monai_sar.calibration.scan_traits import ScanTraits, scan_kind
from monai_sar.metrics.anomaly_score import TOP_FRACTION, top_mean
from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.results.provenance import Provenance
from monai_sar.scans.scan_origin import ScanOrigin
from monai_sar.transforms.field_of_view import FieldOfView

__all__ = ["AnomalyResult", "Display"]


@dataclass(frozen=True, eq=False)
class Display:
    """Scan and map as they are looked at.

    Attributes:
        image: ``[1, H, W, D]``, intensities in [0, 1], float32 or float16: rows, columns and slices as the network saw
            them.
        anomaly_map: the same grid.
        region: boolean, the same grid: where scores mean something.
        lesion: boolean, the same grid, where the lesion is known.
    """

    image: MetaTensor
    anomaly_map: MetaTensor
    region: Tensor
    lesion: Tensor | None = None


@dataclass(frozen=True, eq=False)
class AnomalyResult:
    """The anomalies of one scan.

    Attributes:
        anomaly_map: ``[1, X, Y, Z]`` float32, the scan's own grid and affine; higher is less normal. It carries
            what is known of the scan (see :class:`monai_sar.scans.ScanOrigin`).
        score: of the scan: the mean of the highest 1 % of the map's values in the region that is scored (at least one
            value).
        slice_scores: the same for each slice, in the order of the display; None for slices without region.
        threshold: score above which a voxel is flagged; None without one.
        p_value: how probable so high a score is for a normal patient. None until the detector is calibrated, and where
            it says nothing of this scan.
        p_value_note: why there is no p-value, in a sentence; or that it is the smallest there is; else None.
        display: scan and map as they are looked at.
        provenance: what made the map.
        false_positive_rate: the share of a normal patient's voxels that the threshold flags at most, in expectation;
            None if it was given by hand.
        calibration: what the p-value and that rate rest on.
        input_check: whether the scan is like those that were calibrated on, for which alone both hold; None, if that
            cannot be told.
        input_check_note: what differs and what to do, or why it cannot be told; None if the scan is like those.
    """

    anomaly_map: MetaTensor
    score: float
    slice_scores: tuple[float | None, ...]
    threshold: float | None
    p_value: float | None
    display: Display
    provenance: Provenance
    false_positive_rate: float | None = None
    calibration: Calibration | None = None
    p_value_note: str | None = None
    input_check: InputCheck | None = None
    input_check_note: str | None = None

    @classmethod
    def from_item(
        cls,
        item: Mapping[str, Any],
        *,
        detector: AnomalyDetector,
        provenance: Provenance,
        threshold: float | None = None,
        false_positive_rate: float | None = None,
    ) -> "AnomalyResult":
        """Score what inference made of one scan.

        Args:
            item: ``image`` (preprocessed), ``display_map`` and ``region`` (boolean), in display orientation; ``pred``
                (the map in the scan's own grid); perhaps ``label`` (display orientation, non-zero is lesion);
                ``shown``, if the image is to be looked at otherwise than the network sees it; and ``embedding``, the
                mean embedding of its patches (see :class:`monai_sar.networks.MeanEmbedding`).
            detector: that made the map.
            provenance: how it was made.
            threshold: score above which a voxel is flagged.
            false_positive_rate: that the threshold is to have, if none is given; see :func:`choose_flagging`.

        Raises:
            ValueError: the detector is not calibrated for the false-positive rate; nothing to score; NaN.
        """
        image, shown = item["image"], item["display_map"]
        region, view = torch.as_tensor(item["region"]).as_subclass(Tensor), FieldOfView.of(image)
        slices = (
            top_mean(shown[..., z], TOP_FRACTION, foreground=region[..., z])
            if region[..., z].any() and view.shows_something(image.as_tensor()[..., z])
            else None
            for z in range(shown.shape[-1])
        )
        lesion, calibration = item.get("label"), detector.calibration
        score = top_mean(shown, TOP_FRACTION, foreground=region)
        flagging = choose_flagging(calibration, threshold=threshold, false_positive_rate=false_positive_rate)
        origin = ScanOrigin.of(item["pred"])
        p_value, p_value_note = scan_p_value(
            calibration, score, kind=scan_kind(image), digest=origin.sha256, trained_on=detector.trained_on
        )
        input_check, not_checked = check_input(
            calibration, lambda: ScanTraits.of(image, region, origin, embedding=item.get("embedding"))
        )
        return cls(
            anomaly_map=item["pred"],
            score=score,
            slice_scores=tuple(slices),
            threshold=flagging.threshold,
            p_value=p_value,
            p_value_note=p_value_note,
            display=Display(
                image=item.get("shown", image),
                anomaly_map=shown,
                region=region,
                lesion=None if lesion is None else torch.as_tensor(lesion) > 0,
            ),
            provenance=provenance,
            false_positive_rate=flagging.false_positive_rate,
            calibration=calibration,
            input_check=input_check,
            input_check_note=not_checked if input_check is None else input_check.note,
        )

    @property
    def mask(self) -> MetaTensor | None:
        """What is flagged: ``[1, X, Y, Z]`` boolean on the scan's grid; None without a threshold."""
        return None if self.threshold is None else cast("MetaTensor", self.anomaly_map > self.threshold)
