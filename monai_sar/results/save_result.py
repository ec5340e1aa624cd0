"""Write what inference found, at the end of a bundle's postprocessing."""

import os
from collections.abc import Hashable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.results.anomaly_result import AnomalyResult
from monai_sar.results.provenance import Provenance, checkpoint_sha256
from monai_sar.results.write_result import result_name, write_result
from monai_sar.scans.scan_origin import ScanOrigin

__all__ = ["SaveResultd"]


class SaveResultd(MapTransform):
    """Write map, picture and report of each scan; see :func:`monai_sar.results.write_result`.

    Items are those of :meth:`monai_sar.results.AnomalyResult.from_item`; they are passed on as they are.

    Args:
        keys: of the anomaly map in the scan's own grid.
        output_dir: folder of the files.
        detector: that made the map.
        ckpt_path: of its checkpoint.
        threshold: score above which a voxel is flagged; by default that of the false-positive rate.
        false_positive_rate: share of a normal patient's voxels that may be flagged, one of those that the detector is
            calibrated for; by default 5 %, or else the smallest.
        amp: whether the map was made in mixed precision.

    Raises:
        ValueError: when called: two scans would have results of the same name, or the detector is not calibrated for
            the false-positive rate.
    """

    writes_files = True

    def __init__(
        self,
        keys: KeysCollection,
        *,
        output_dir: str | os.PathLike[str],
        detector: AnomalyDetector,
        ckpt_path: str | os.PathLike[str],
        threshold: float | None = None,
        false_positive_rate: float | None = None,
        amp: bool = False,
    ) -> None:
        super().__init__(keys)
        self.output_dir = Path(output_dir)
        self.detector = detector
        self.ckpt_path = ckpt_path
        self.threshold = threshold
        self.false_positive_rate = false_positive_rate
        self.amp = amp
        self.written: dict[str, str] = {}

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Write the results of one item."""
        for key in self.key_iterator(dict(data)):
            item = {**{str(name): value for name, value in data.items()}, "pred": data[key]}
            self._check_name(data[key])
            result = AnomalyResult.from_item(
                item,
                detector=self.detector,
                provenance=self._provenance,
                threshold=self.threshold,
                false_positive_rate=self.false_positive_rate,
            )
            write_result(result, self.output_dir)
        return dict(data)

    @cached_property
    def _provenance(self) -> Provenance:
        # once for all scans: the checkpoint is hashed as a whole
        return Provenance.of(self.detector, checkpoint_sha256=checkpoint_sha256(self.ckpt_path), amp=self.amp)

    def _check_name(self, anomaly_map: MetaTensor) -> None:
        name, origin = result_name(anomaly_map), ScanOrigin.of(anomaly_map)
        source = str(origin.source)
        other = self.written.setdefault(name, source)
        if other != source and origin.kind != "dicom":  # a DICOM series is called by what is in it
            raise ValueError(
                f"{other} and {source}: their results would both be called '{name}'; predict them into different "
                "folders."
            )
