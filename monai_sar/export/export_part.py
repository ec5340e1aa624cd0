"""What can be exported: the whole detector, or its AR network alone for those who have embeddings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from monai_sar.networks.anomaly_detector import AnomalyDetector

__all__ = ["PARTS", "ExportPart", "PartName", "export_part"]

PartName = Literal["detector", "ar_network"]
PARTS: tuple[PartName, ...] = ("detector", "ar_network")

Size = tuple[int, int, int]
"""Batch, rows, columns."""


@dataclass(frozen=True, kw_only=True)
class ExportPart:
    """A module with one input ``[B, channels, H, W]`` and one output ``[B, 1, H, W]``, both float32.

    Attributes:
        name: ``"detector"`` or ``"ar_network"``.
        module: what is recorded.
        input_name: of the input, as the file calls it.
        output_name: of the output.
        axes: names of the sizes that may change: batch, rows, columns.
        channels: of the input.
        example_size: with which it is recorded.
        check_sizes: with which the file is compared with PyTorch: other batches, both orientations.
        reads: what the input is, for people.
        gives: what the output is.
    """

    name: PartName
    module: nn.Module
    input_name: str
    output_name: str
    axes: tuple[str, str, str]
    channels: int
    example_size: Size
    check_sizes: tuple[Size, ...]
    reads: str
    gives: str

    def random_input(self, size: Size) -> Tensor:
        """Uniform in [0, 1], the same in every call: ``[B, channels, H, W]``."""
        generator = torch.Generator().manual_seed(0)
        return torch.rand(size[0], self.channels, *size[1:], generator=generator)


@contextmanager
def export_part(detector: AnomalyDetector, name: PartName) -> Iterator[ExportPart]:
    """Give a part of a detector in a form that can be recorded for all sizes.

    Within the block the detector has the rotary position embeddings of its one grid as a tensor. timm computes them
    on the CPU in every call, and a trace would keep the name of that device.

    Args:
        detector: on the CPU; eval mode is set.
        name: which part.

    Raises:
        ValueError: the whole of a detector that has no image size; the AR network of one that looks at intensities.
    """
    detector.eval()
    if name == "ar_network":
        if detector.witnesses.intensity != "none":
            raise ValueError(
                "The AR network alone sees no intensities, on which the scores of this detector rest "
                f"(abnormal_intensity: {detector.witnesses.intensity}). Export the whole detector."
            )
        yield _ar_network(detector)
        return
    image_size = detector.require_image_size()
    network = detector.encoder.network
    rope = getattr(network, "rope", None)
    if rope is not None:
        network.rope = _FixedRotaryEmbedding(rope, image_size, detector.encoder.patch_size)
    try:
        yield _whole(detector)
    finally:
        if rope is not None:
            network.rope = rope


def _whole(detector: AnomalyDetector) -> ExportPart:
    return ExportPart(
        name="detector",
        module=detector,
        input_name="image",
        output_name="anomaly_map",
        axes=("batch", "height", "width"),
        channels=3 if detector.preprocessing.get("color") == "as_stored" else 1,
        example_size=(2, 50, 83),
        check_sizes=((1, 240, 155), (3, 61, 90), (2, 50, 83)),
        reads="slices, intensities in [0, 1], prepared as settings.preprocessing says; any height and width",
        gives="the score of every pixel, high where it is anomalous",
    )


def _ar_network(detector: AnomalyDetector) -> ExportPart:
    return ExportPart(
        name="ar_network",
        module=_Score(detector).eval(),
        input_name="features",
        output_name="score",
        axes=("batch", "rows", "columns"),
        channels=detector.encoder.channels,
        example_size=(2, 9, 14),
        check_sizes=((1, 28, 17), (3, 5, 31), (2, 9, 14)),
        reads="embeddings of settings.encoder, not scaled; any number of rows and columns",
        gives="the score of every embedding, high where it is anomalous",
    )


class _Score(nn.Module):
    """:meth:`AnomalyDetector.score` without the encoder beside it, whose weights a file would hold as well."""

    def __init__(self, detector: AnomalyDetector) -> None:
        super().__init__()
        self.scaling, self.network = detector.scaling, detector.network
        self.error, self.smoothing = detector.prediction_error, detector.smoothing

    def forward(self, features: Tensor) -> Tensor:
        features = self.scaling(features)
        score: Tensor = self.smoothing(self.error(self.network(features), features))
        return score


class _FixedRotaryEmbedding(nn.Module):
    """The rotary position embeddings of one grid, computed by timm's module for any."""

    embedding: Tensor

    def __init__(self, rope: nn.Module, image_size: Sequence[int], patch_size: int) -> None:
        super().__init__()
        grid = [-(-length // patch_size) for length in image_size]  # the encoder fills up the last patch
        with torch.no_grad():
            self.register_buffer("embedding", rope.get_embed(shape=grid))  # type: ignore[operator]

    def get_embed(self, shape: object = None) -> Tensor:
        """What timm's ViT asks for; the shape is known."""
        return self.embedding
