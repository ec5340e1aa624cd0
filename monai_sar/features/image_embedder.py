"""From images to their embeddings."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from monai_sar.networks.anomaly_detector import AnomalyDetector
from monai_sar.networks.two_witnesses import patch_intensity

__all__ = ["ENCODER_BATCH", "ImageEmbedder"]

ENCODER_BATCH = 16
"""Images that are encoded together; more gain nothing on a CPU and little on a GPU."""


class ImageEmbedder:
    """The frozen half of training: images -> embeddings, on the detector's device.

    Args:
        detector: whose :meth:`AnomalyDetector.embed` encodes.
        dtype: of the embeddings.
    """

    def __init__(self, detector: AnomalyDetector, *, dtype: torch.dtype) -> None:
        self.detector = detector
        self.dtype = dtype

    def bytes_of(self, image: Tensor) -> int:
        """How much room the embeddings of an image ``[C, H, W]`` will take."""
        encoder = self.detector.encoder
        height, width = self.detector.letterbox.size or image.shape[-2:]
        patches = math.ceil(height / encoder.patch_size) * math.ceil(width / encoder.patch_size)
        return encoder.channels * patches * self.dtype.itemsize

    def patches(self, image: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
        """What the patches of an image show.

        Args:
            image: ``[1 or 3, H, W]``, float32 in [0, 1].
            region: ``[1, H, W]``, not 0 where a score means something.

        Returns:
            The mean intensity of each patch, and which share of it lies in the region: ``[1, h, w]``, 0 to 1.
        """
        patch_size = self.detector.encoder.patch_size
        fitted = self.detector.letterbox(torch.cat([image, (region != 0).to(image)])[None])
        share = F.avg_pool2d(fitted[:, -1:], patch_size, ceil_mode=True)
        return patch_intensity(fitted[:, :-1], patch_size)[0], share[0]

    def embed(self, images: Sequence[Tensor], sources: Sequence[str]) -> Tensor:
        """Encode images together.

        Args:
            images: ``[1 or 3, H, W]``, float32 in [0, 1]; they may differ in size if the detector has an image size.
            sources: where they are from, for errors.

        Returns:
            ``[N, C, h, w]`` of the dtype, on the CPU.

        Raises:
            ValueError: embeddings that are not finite or that the dtype cannot hold, or images that differ in size
                without being fitted into one.
        """
        device = self.detector.encoder.mean.device
        # no_grad, not inference_mode: what is kept in memory is what the network trains on
        with torch.no_grad():
            boxes = [self.detector.letterbox(image[None].to(device)).expand(-1, 3, -1, -1) for image in images]
            sizes = {tuple(box.shape[-2:]) for box in boxes}
            if len(sizes) > 1:
                raise ValueError(f"The images differ in size: {sorted(sizes)}. Give an image_size to fit them into.")
            features = self.detector.embed(torch.cat(boxes))
        held = (features.abs() <= torch.finfo(self.dtype).max).flatten(1).all(1).tolist()
        if not all(held):
            names = sorted({source for source, good in zip(sources, held, strict=True) if not good})
            raise ValueError(f"Embeddings of {', '.join(names)} are not finite or too large for {self.dtype}.")
        return features.to("cpu", self.dtype)
