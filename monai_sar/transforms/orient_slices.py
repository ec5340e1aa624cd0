"""Turn a volume into the slices that a radiologist, and the network, look at; and back."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import nibabel as nib
import numpy as np
import torch
from monai.config import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from monai.transforms.spatial.functional import orientation
from monai.utils import TraceKeys, look_up_option
from numpy.typing import NDArray

from monai_sar.scans.same_grid import SAME_GRID, farthest_apart
from monai_sar.scans.scan_origin import FIELD_OF_VIEW, SLICE_AXIS, read_slice_axis, source_name

__all__ = ["OrientDrawnd", "OrientSlices", "OrientSlicesd"]

ACQUISITION = "acquisition"
AS_STORED = "as_stored"

AXCODES = {"sagittal": "IPR", "coronal": "ILP", "axial": "PLS"}
"""To where rows, columns and slices grow: the display convention, and the slices along columns x rows as in DICOM.

In the order of the world axis (left-right, posterior-anterior, inferior-superior) that the slices lie along.
"""

LABELS = (("L", "R"), ("P", "A"), ("I", "S"))
"""Names of the two ends of every world axis of a RAS affine."""

Affine = NDArray[np.float64]


class OrientSlices(InvertibleTransform):
    """Bring a volume to ``[1, rows, columns, slices]`` as displayed in radiology, without resampling.

    ========== ============= ============ =================
    slices     rows grow to  columns to   slices to
    ========== ============= ============ =================
    axial      posterior     left         superior
    coronal    inferior      left         posterior
    sagittal   inferior      posterior    right
    ========== ============= ============ =================

    Axes are only swapped and flipped. In an oblique scan every array axis stands for the anatomical axis next to
    it, so its slices stay the oblique ones that were acquired. ``inverse`` restores every voxel and the affine
    exactly, at any angle; MONAI's ``Orientation`` does not near 45 degrees, where two axes are as near, because
    it looks for the nearest axes twice.

    ``meta["slice_axis"]``, where there is one, is kept true: it follows the axis that it names, there and back.

    Args:
        axis: "axial", "coronal", "sagittal"; "acquisition" (default): the plane next to the one the slices were
            acquired in, told by ``meta["slice_axis"]`` (see :class:`monai_sar.transforms.LoadScan`); or "as_stored":
            the slices as they were acquired, neither turned nor flipped: the other two axes are the columns and the
            rows, in this order. So B-scans of the retina have their depth along the rows, as the device shows them,
            wherever in the patient they lie.

    Raises:
        ValueError: unknown axis; when called: not ``[C, X, Y, Z]``, or the axis of acquisition is not known.
        TypeError: when called: a tensor without affine.

    Example:
        >>> import torch
        >>> from monai.data import MetaTensor
        >>> from monai_sar.transforms import OrientSlices
        >>> ras = MetaTensor(torch.zeros(1, 20, 30, 5), affine=torch.eye(4))
        >>> OrientSlices("axial")(ras).shape, OrientSlices("coronal")(ras).shape
        (torch.Size([1, 30, 20, 5]), torch.Size([1, 5, 20, 30]))
    """

    def __init__(self, axis: str = ACQUISITION) -> None:
        super().__init__()
        self.axis = look_up_option(axis, (ACQUISITION, AS_STORED, *AXCODES))

    def __call__(self, volume: torch.Tensor) -> MetaTensor:
        """Orient ``[C, X, Y, Z]``."""
        image = _checked(volume)
        return self._reorient(image, self._swaps(image))

    def inverse(self, volume: MetaTensor) -> MetaTensor:
        """Undo the orientation of a volume with this transform on top of its ``applied_operations``."""
        original = self.pop_transform(volume)[TraceKeys.EXTRA_INFO]["original_affine"]
        # from this grid to the original one: nothing but swaps and flips, so "nearest" leaves no choice
        swaps = nib.io_orientation(np.linalg.inv(original) @ _affine(volume))
        with self.trace_transform(False):
            restored = self._reorient(volume, swaps)
        restored.meta["affine"] = torch.as_tensor(original)  # free of the rounding of two products
        return restored

    def _swaps(self, volume: MetaTensor) -> NDArray[np.float64]:
        """For every axis of the array: to which axis it goes, and whether flipped (-1)."""
        if self.axis == AS_STORED:
            slices = _slice_axis(volume)
            columns, rows = (axis for axis in range(3) if axis != slices)
            return np.array([[(rows, columns, slices).index(axis), 1.0] for axis in range(3)])
        nearest = nib.io_orientation(_affine(volume))
        if self.axis == ACQUISITION:
            axcodes = list(AXCODES.values())[int(nearest[_slice_axis(volume), 0])]
        else:
            axcodes = AXCODES[self.axis]
        wanted = nib.orientations.axcodes2ornt(axcodes, labels=LABELS)
        swaps: NDArray[np.float64] = nib.orientations.ornt_transform(nearest, wanted)
        return swaps

    def _reorient(self, volume: MetaTensor, swaps: NDArray[np.float64], *, in_place: bool = False) -> MetaTensor:
        # MONAI's function adds the channel axis to the array it is given
        info = self.get_transform_info()
        source = volume[:0] if in_place else volume  # without a channel all but the voxels is moved
        moved = cast("MetaTensor", orientation(source, _affine(volume), swaps.copy(), lazy=False, transform_info=info))
        if in_place:
            values = volume.as_tensor()
            _flip(values, [axis for axis, (_, way) in enumerate(swaps) if way == -1])
            axes = [0, *(1 + np.argsort(swaps[:, 0]))]
            moved = cast("MetaTensor", MetaTensor(values.permute(axes)).copy_meta_from(moved))  # type: ignore[no-untyped-call]
        moved.meta.pop(FIELD_OF_VIEW, None)  # a rectangle of the slices that were
        axis = read_slice_axis(volume)
        if axis is not None:
            moved.meta[SLICE_AXIS] = int(swaps[axis, 0])
        return moved


class OrientSlicesd(MapTransform, InvertibleTransform):
    """Dictionary version of :class:`OrientSlices`; ``monai.transforms.Invertd`` undoes it.

    Images are flipped where they lie, because a copy would be a second volume in memory: the arrays that come in are
    changed. What is turned back is copied.

    Args:
        keys: of the images; each is oriented by its own affine.
        axis: as in :class:`OrientSlices`.
        allow_missing_keys: whether a key may be absent.

    Raises:
        ValueError: when called: as :class:`OrientSlices`.
    """

    def __init__(self, keys: KeysCollection, *, axis: str = ACQUISITION, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.transform = OrientSlices(axis)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Orient the images of an item."""
        oriented = dict(data)
        for key in self.key_iterator(oriented):
            image = _checked(data[key])
            oriented[key] = self.transform._reorient(image, self.transform._swaps(image), in_place=True)
        return oriented

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Undo the orientation of the images of an item."""
        restored = dict(data)
        for key in self.key_iterator(restored):
            restored[key] = self.transform.inverse(data[key])
        return restored


class OrientDrawnd(MapTransform):
    """Orient masks as the image was oriented that they are drawn on: the step after its :class:`OrientSlicesd`.

    Masks follow the image, not their own affine, whose rounding may differ. They are copied.

    Args:
        keys: of the masks, on the grid that the image had.
        image_key: of the image.
        allow_missing_keys: whether a mask may be absent.

    Raises:
        ValueError: when called: a mask has another shape or affine than the image had, or the image was not oriented.
    """

    def __init__(
        self, keys: KeysCollection, *, image_key: Hashable = "image", allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_key = image_key
        self.transform = OrientSlices()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Orient the masks of an item."""
        oriented = dict(data)
        image = _checked(data[self.image_key])
        last = image.applied_operations[-1] if image.applied_operations else {}
        if last.get(TraceKeys.CLASS_NAME) != OrientSlices.__name__:
            raise ValueError(
                f"{_source(image)}: was not oriented; put OrientSlicesd before the step that orients masks."
            )
        before = _Grid(
            tuple(last[TraceKeys.ORIG_SIZE]),
            np.asarray(last[TraceKeys.EXTRA_INFO]["original_affine"], dtype=np.float64),
            _source(image),
        )
        # from the grid that the image had to the one that it has: nothing but swaps and flips
        swaps = nib.io_orientation(np.linalg.inv(_affine(image)) @ before.affine)
        for key in self.key_iterator(oriented):
            _check_same_grid(before, data[key])
            oriented[key] = self.transform._reorient(_checked(data[key]), swaps)
        return oriented


class _Grid(NamedTuple):
    """Where the voxels of an image lie: their numbers, the affine, and the file it was read from."""

    shape: tuple[int, ...]
    affine: Affine
    source: str


def _flip(volume: torch.Tensor, axes: Sequence[int]) -> None:
    """Flip ``[C, X, Y, Z]`` along some of the axes 0, 1 and 2 of its channels where it lies, slab by slab."""
    within = [axis - 1 for axis in axes if axis > 0]
    for channel in volume:
        slabs = len(channel)
        for first in range(0 if not axes else (slabs + 1) // 2 if 0 in axes else slabs):
            last = slabs - 1 - first if 0 in axes else first
            slab = channel[first].flip(within)
            channel[first] = channel[last].flip(within)
            channel[last] = slab


def _affine(volume: MetaTensor) -> Affine:
    return np.asarray(volume.affine.cpu().numpy(), dtype=np.float64)


def _slice_axis(volume: MetaTensor) -> int:
    axis = read_slice_axis(volume)
    if axis is None:
        raise ValueError(
            f"{_source(volume)}: its meta has no 'slice_axis', so the plane of acquisition is not known. Load "
            'it with LoadScan, or name the plane: axis="axial", "coronal" or "sagittal".'
        )
    return axis


def _source(volume: MetaTensor) -> str:
    return source_name(volume, "a volume that was not read from a file")


def _checked(volume: torch.Tensor) -> MetaTensor:
    if not isinstance(volume, MetaTensor):
        raise TypeError(
            f"Found a {type(volume).__name__}, expected a MetaTensor: without an affine nobody knows which side of "
            "the array is which side of the patient. Load the scan with LoadScan."
        )
    if volume.ndim != 4:
        raise ValueError(f"{_source(volume)}: has shape {tuple(volume.shape)}, expected [C, X, Y, Z].")
    return volume


def _check_same_grid(image: _Grid, mask: MetaTensor) -> None:
    """Raise unless every voxel of the mask lies on that of the image with the same indices."""
    shape, other = image.shape, tuple(_checked(mask).shape[1:])
    if shape != other:
        found = f"has {other} voxels, the image {image.source} has {shape}"
    else:
        apart = farthest_apart(image.affine, _affine(mask), shape)
        if apart <= SAME_GRID * float(np.linalg.norm(image.affine[:3, :3], axis=0).min()):
            return
        found = f"lies up to {apart:.3g} mm beside the image {image.source}"
    raise ValueError(
        f"{_source(mask)}: {found}; expected the image's own grid. Check that the two belong together, or resample "
        "the mask onto the image, nearest neighbour (monai.transforms.ResampleToMatch)."
    )
