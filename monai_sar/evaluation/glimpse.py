"""A small picture of one slice of a scan, kept until all scans are known and one range of colours can be chosen."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from monai_sar.results.overlay import map_colours
from monai_sar.results.palette import FLAGGED, LESION
from monai_sar.results.representative_slices import most_anomalous_slice

__all__ = ["Glimpse", "glimpse"]

SIZE = 192
"""Pixels along the longer side, of each of the two pictures."""

GAP = 4
QUALITY = 80


@dataclass(frozen=True, eq=False)
class Glimpse:
    """The slice with the highest scores of a scan: some 200 kB.

    Attributes:
        index: of the slice, from 0.
        image: ``[h, w]``, intensities 0 to 255.
        score: of the same shape: its map; the lowest of the region outside it.
        inside: where scores count.
        lesion: where the lesion is known.
    """

    index: int
    image: npt.NDArray[np.uint8]
    score: npt.NDArray[np.float32]
    inside: npt.NDArray[np.bool_]
    lesion: npt.NDArray[np.bool_]

    def jpeg(self, limits: tuple[float, float], threshold: float | None) -> bytes:
        """Draw the scan, and beside it the scan under its map.

        Args:
            limits: the scores of the lowest and the highest colour.
            threshold: the score above which voxels are flagged; None draws no outline of them.
        """
        scan = np.repeat(self.image[..., None], 3, axis=-1).astype(np.float32)
        share = np.clip((self.score - limits[0]) / (limits[1] - limits[0]), 0, 1) * self.inside
        colours = map_colours()(share)
        opacity = colours[..., 3:]
        overlay = scan * (1 - opacity) + 255 * colours[..., :3] * opacity
        if threshold is not None:
            overlay[_rim(self.inside & (self.score > threshold))] = _rgb(FLAGGED)
        for picture in (scan, overlay):
            picture[_rim(self.lesion)] = _rgb(LESION)
        gap = np.full((len(scan), GAP, 3), 255, np.float32)
        buffer = io.BytesIO()
        Image.fromarray(np.concatenate([scan, gap, overlay], axis=1).astype(np.uint8)).save(
            buffer, "JPEG", quality=QUALITY, optimize=True
        )
        return buffer.getvalue()


def glimpse(
    image: npt.NDArray[np.float32],
    score: npt.NDArray[np.float32],
    region: npt.NDArray[np.bool_],
    lesion: npt.NDArray[np.bool_],
    *,
    spacing: tuple[float, float] = (1.0, 1.0),
) -> Glimpse:
    """Take the slice of a scan with the highest scores in the region.

    Args:
        image: ``[H, W, D]``, intensities in [0, 1].
        score: its anomaly map, ``[H, W, D]``.
        region: ``[H, W, D]``: where scores count.
        lesion: ``[H, W, D]``.
        spacing: mm between rows and between columns; the picture is as long and wide as the scan is.
    """
    lowest = float(score[region].min())
    index = most_anomalous_slice(score, region, elsewhere=lowest)
    counted = np.where(region[..., index], score[..., index], lowest)
    rows, columns = (length * mm for length, mm in zip(image.shape[:2], spacing, strict=True))
    scale = SIZE / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    grey = np.clip(np.nan_to_num(image[..., index]) * 255, 0, 255).astype(np.uint8)
    return Glimpse(
        index=index,
        image=_resized(grey, size, Image.Resampling.BILINEAR),
        score=_resized(counted.astype(np.float32), size, Image.Resampling.BILINEAR),
        inside=_resized(region[..., index].astype(np.uint8), size, Image.Resampling.NEAREST) > 0,
        lesion=_resized(lesion[..., index].astype(np.uint8), size, Image.Resampling.NEAREST) > 0,
    )


def _resized(values: npt.NDArray[Any], size: tuple[int, int], how: Image.Resampling) -> npt.NDArray[Any]:
    return np.array(Image.fromarray(np.ascontiguousarray(values)).resize(size, how))


def _rim(area: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    rim: npt.NDArray[np.bool_] = area & ~ndimage.binary_erosion(area)
    return rim


def _rgb(colour: str) -> npt.NDArray[np.float32]:
    """``#rrggbb`` -> 0 to 255."""
    return np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)], np.float32)
