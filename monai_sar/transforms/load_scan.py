"""Read a scan of any kind as a tensor that remembers where it lies and where it came from."""

import os
from collections.abc import Hashable, Mapping
from typing import Any, get_args

from monai.config import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import look_up_option

from monai_sar.scans import check_modality, read_scan
from monai_sar.scans.image_stack import Color, Spacing
from monai_sar.scans.scan_origin import ScanOrigin

__all__ = ["LoadScan", "LoadScand"]


class LoadScan(Transform):
    """Load NIfTI, DICOM or image slices through :func:`monai_sar.scans.read_scan`.

    The result is a float32 ``MetaTensor`` ``[1, X, Y, Z]`` (3 channels for ``color="as_stored"``) in modality units
    (CT: HU), with an affine from array indices to RAS millimetres. What :class:`monai_sar.scans.Scan` knows besides
    travels with it, and is read with :meth:`monai_sar.scans.ScanOrigin.of`.

    A scan of one value everywhere is refused. That holds for outlines of lesions too: an empty one is no scan.

    Args:
        series_uid: DICOM: the Series Instance UID to read, if there are several series.
        spacing: distances between columns, rows and slices in millimetres, for files that do not hold them.
        modality: DICOM modality code ("MR", "CT", "OPT", ...) that the scan must have if it says one; of a DICOM folder
            with series of several modalities, those of this one are meant.
        color: how coloured image files are read: ``"intensity"`` gives one channel, ``"as_stored"`` RGB; see
            :func:`monai_sar.scans.image_stack.read_slices`.
        volume: NIfTI, NRRD, MetaImage and MGH: which volume to read, if a file holds several; counted from 0.

    Raises:
        ScanError: when called: the scan cannot be read without guessing, or is of another modality.

    Example:
        >>> image = LoadScan(modality="CT")("series/")  # doctest: +SKIP
        >>> image.shape, ScanOrigin.of(image).slice_axis  # doctest: +SKIP
        (torch.Size([1, 512, 512, 40]), 2)
    """

    def __init__(
        self,
        *,
        series_uid: str | None = None,
        spacing: Spacing | None = None,
        modality: str | None = None,
        color: Color = "intensity",
        volume: int | None = None,
    ) -> None:
        self.color: Color = look_up_option(color, get_args(Color))
        self.series_uid = series_uid
        self.spacing = spacing
        self.modality = modality
        self.volume = volume

    def __call__(self, path: str | os.PathLike[str]) -> MetaTensor:
        """Return the scan stored in the file or folder ``path``."""
        scan = read_scan(
            path,
            series_uid=self.series_uid,
            spacing=self.spacing,
            color=self.color,
            modality=self.modality,
            volume=self.volume,
        )
        if self.modality is not None:
            check_modality(scan, self.modality)
        ScanOrigin.record(scan)
        return scan.image


class LoadScand(MapTransform):
    """Dictionary version of :class:`LoadScan`.

    Args:
        keys: keys whose path is replaced by the scan.
        series_uid: DICOM: the Series Instance UID to read.
        spacing: distances between columns, rows and slices in millimetres, for files that do not hold them.
        modality: DICOM modality code that the scans must have if they say one.
        color: how coloured image files are read.
        volume: which volume to read, if a file holds several; counted from 0.
        allow_missing_keys: whether a key may be absent.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        series_uid: str | None = None,
        spacing: Spacing | None = None,
        modality: str | None = None,
        color: Color = "intensity",
        volume: int | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.loader = LoadScan(series_uid=series_uid, spacing=spacing, modality=modality, color=color, volume=volume)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of ``data`` with the scans in place of their paths."""
        loaded = dict(data)
        for key in self.key_iterator(loaded):
            loaded[key] = self.loader(loaded[key])
        return loaded
