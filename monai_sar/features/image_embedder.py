"""From the items of a data list to the embeddings of their images."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from monai.utils.type_conversion import convert_to_tensor
from torch import Tensor

from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["ENCODER_BATCH", "ImageEmbedder"]

ENCODER_BATCH = 16
"""Images that are encoded together; more gain nothing on a CPU and little on a GPU."""


class ImageEmbedder:
    """The frozen half of training: an item of a data list -> image -> embeddings, on the detector's device.

    Args:
        detector: whose :meth:`AnomalyDetector.embed` encodes.
        transform: item -> item with an image ``[1 or 3, H, W]`` in [0, 1] under ``image_key``.
        image_key: of the items.
        dtype: of the embeddings.
    """

    def __init__(
        self, detector: AnomalyDetector, transform: Callable[[Any], Any], *, image_key: str, dtype: torch.dtype
    ) -> None:
        self.detector = detector
        self.transform = transform
        self.image_key = image_key
        self.dtype = dtype

    def image(self, item: Mapping[str, Any]) -> Tensor:
        """The image as it enters the detector: ``[1 or 3, H, W]``, float32, on the CPU.

        Raises:
            ValueError: the transform gives another shape.
        """
        image: Tensor = convert_to_tensor(self.transform(item)[self.image_key], dtype=torch.float32, device="cpu")
        if image.ndim != 3 or image.shape[0] not in (1, 3):
            raise ValueError(
                f"The transform makes {item[self.image_key]} an array of shape {tuple(image.shape)}; expected 1 or 3 "
                "channels, rows and columns."
            )
        return image

    def shape(self, image: Tensor) -> tuple[int, int, int]:
        """Shape ``(C, h, w)`` of the embeddings that an image will have."""
        encoder = self.detector.encoder
        height, width = self.detector.letterbox.size or image.shape[-2:]
        return encoder.channels, math.ceil(height / encoder.patch_size), math.ceil(width / encoder.patch_size)

    def embed(self, images: Sequence[Tensor], items: Sequence[Mapping[str, Any]]) -> Tensor:
        """Encode images together.

        Args:
            images: of :meth:`image`; they may differ in size if the detector has an image size.
            items: where they are from, for errors.

        Returns:
            ``[B, C, h, w]`` of the dtype, on the CPU.

        Raises:
            ValueError: embeddings that are not finite or that the dtype cannot hold, or images that differ in size
                without being fitted into one.
        """
        device = self.detector.encoder.mean.device
        # no_grad, not inference_mode: without a store the network trains on these very tensors
        with torch.no_grad():
            boxes = [self.detector.letterbox(image[None].to(device)).expand(-1, 3, -1, -1) for image in images]
            sizes = {tuple(box.shape[-2:]) for box in boxes}
            if len(sizes) > 1:
                raise ValueError(f"The images differ in size: {sorted(sizes)}. Give an image_size to fit them into.")
            features = self.detector.embed(torch.cat(boxes))
        held = (features.abs() <= torch.finfo(self.dtype).max).flatten(1).all(1).tolist()
        if not all(held):
            names = [str(item[self.image_key]) for item, good in zip(items, held, strict=True) if not good]
            raise ValueError(f"Embeddings of {', '.join(names)} are not finite or too large for {self.dtype}.")
        return features.to("cpu", self.dtype)

    def batches(self, items: Sequence[Mapping[str, Any]]) -> Iterator[Tensor]:
        """Embeddings of items in order, encoded in batches of 16: ``[<= 16, C, h, w]``."""
        for start in range(0, len(items), ENCODER_BATCH):
            batch = items[start : start + ENCODER_BATCH]
            yield self.embed([self.image(item) for item in batch], batch)
