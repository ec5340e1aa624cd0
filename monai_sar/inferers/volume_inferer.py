"""Run a network for images on all slices of a volume that show something."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.data.utils import affine_to_spacing
from monai.inferers import Inferer
from monai.utils import convert_to_dst_type
from torch import Tensor

from monai_sar._progress import progress_bar
from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.transforms.field_of_view import FieldOfView
from monai_sar.transforms.foreground import FOREGROUND_LEVEL, FOREGROUND_SHARE

__all__ = ["VolumeInferer"]


class VolumeInferer(Inferer):
    """Map the anomalies of a volume slice by slice, a few slices at a time.

    Beside MONAI's ``SliceInferer``: empty slices (see :meth:`FieldOfView.shows_something`) are never sent through the
    network, their map is 0, as it is outside the field of view of a scan that has one
    (:class:`monai_sar.transforms.FieldOfViewd`); and the maps go straight into one volume in CPU memory, so the
    network's device needs room for the scan and one batch.

    The order of slices is fixed and the network sees each alone, so the map does not depend on ``slices_per_batch``,
    but for the last bits: matrix products may round differently in batches of another size. An
    :class:`AnomalyDetector` that smooths across slices does so at the end.

    Runs without gradients. Whether the network is in eval mode is the caller's affair (MONAI's engines see to it).

    Args:
        slices_per_batch: how many slices go through the network at a time. On a CPU four are faster than eight, whose
            larger activations come from the system anew for every layer (benchmarks/README.md); a GPU may like more.
        progress: show a bar on a terminal, one step per slice.

    Raises:
        ValueError: ``slices_per_batch`` is below 1.

    Example:
        >>> import torch
        >>> from monai_sar.inferers import VolumeInferer
        >>> scan = torch.rand(1, 1, 32, 48, 10)
        >>> VolumeInferer(slices_per_batch=4)(scan, torch.nn.Identity()).shape
        torch.Size([1, 1, 32, 48, 10])
    """

    def __init__(self, slices_per_batch: int = 4, progress: bool = False) -> None:
        if slices_per_batch < 1:
            raise ValueError(f"slices_per_batch is {slices_per_batch}, expected 1 or more.")
        super().__init__()
        self.slices_per_batch = slices_per_batch
        self.progress = progress

    @torch.no_grad()
    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """Map the anomalies of one volume.

        Args:
            inputs: ``[1, C, H, W, D]``, rows, columns and slices as the network knows them, intensities in
                [0, 1], on the network's device. D may be 1.
            network: ``[B, C, H, W] -> [B, 1, H, W]``.
            args: passed to the network.
            kwargs: passed to the network.

        Returns:
            ``[1, 1, H, W, D]``, float32, on the CPU; a ``MetaTensor`` with the meta of ``inputs`` if that is one
            (``Invertd`` only warns about a plain tensor, and leaves it as it is).

        Raises:
            ValueError: ``inputs`` or what the network returns has another shape, no slice shows anything, or the
                network smooths across slices and a plain tensor does not tell how far these are apart.
        """
        if inputs.ndim != 5 or len(inputs) != 1 or 0 in inputs.shape:
            raise ValueError(f"Found a volume of shape {tuple(inputs.shape)}, expected [1, C, H, W, D].")
        volume = inputs.as_subclass(torch.Tensor)[0]
        view, size = FieldOfView.of(inputs), (volume.shape[1], volume.shape[2])
        shown = _shown_slices(volume, view)
        # NumPy's zeros take no memory before they are written, and slices in one piece none that shows nothing
        maps = torch.from_numpy(np.zeros((volume.shape[-1], *volume.shape[1:-1]), np.float32)).movedim(0, -1)
        with progress_bar(task="Mapping slices", unit="slice", total=len(shown), shown=self.progress) as bar:
            for start in range(0, len(shown), self.slices_per_batch):
                indices = shown[start : start + self.slices_per_batch]
                images = view.cut(volume.movedim(-1, 0)[indices]).contiguous()
                scores = network(images, *args, **kwargs)
                _check_scores(scores, images)
                maps.movedim(-1, 0)[indices] = view.put_back(scores, size)[:, 0].to(maps)
                bar.update(len(indices))
        if isinstance(network, AnomalyDetector) and network.smoothing_across.sigma and len(shown) > 1:
            network.smoothing_across(maps, apart=_apart(inputs), scored=shown)
        result: Tensor = convert_to_dst_type(maps[None, None], inputs, dtype=torch.float32, device="cpu")[0]
        return result


def _shown_slices(volume: Tensor, view: FieldOfView) -> list[int]:
    shown = [index for index, image in enumerate(volume.unbind(-1)) if view.shows_something(image)]
    if not shown:
        raise ValueError(
            f"None of the {volume.shape[-1]} slices shows anything: intensities run from {volume.min():g} to "
            f"{volume.max():g}, and nowhere is {FOREGROUND_SHARE:.1%} of a slice above {FOREGROUND_LEVEL:g}. Expected "
            "tissue well above 0 in [0, 1]; check that the intensity transform fits the modality of the scan."
        )
    return shown


def _apart(inputs: Tensor) -> float:
    """How far two slices are apart, in mm."""
    if not isinstance(inputs, MetaTensor):
        raise ValueError(
            "This detector smooths across slices, and a plain tensor does not tell how many mm these are apart. "
            "Give a MetaTensor with its affine, or build the detector with smoothing_across=0."
        )
    affine = inputs.affine.reshape(-1, *inputs.affine.shape[-2:])[0]  # a collated batch has one for each item
    return float(affine_to_spacing(affine)[-1])


def _check_scores(scores: Tensor, images: Tensor) -> None:
    # assignment would broadcast one score over a slice
    if scores.shape != (len(images), 1, *images.shape[2:]):
        raise ValueError(
            f"The network made {tuple(scores.shape)} of {tuple(images.shape)}, expected one score for every pixel."
        )
