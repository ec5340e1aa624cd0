"""The rows of the comparison of volumes: from the scores of patches to the map of a volume, in one way for all."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.labelled_volumes import LabelledVolume
from benchmarks.patch_scores import NormalPatches
from monai_sar.networks import AnomalyDetector, ScoreSmoothing, SliceSmoothing, TwoWitnesses
from monai_sar.networks.two_witnesses import AbnormalIntensity, Verdict

__all__ = ["AS_PUBLISHED", "OURS", "PatchMap", "Row", "of_patches", "of_pixels", "rows_of"]

OURS = "ours"
AS_PUBLISHED = "as published"


class Row(NamedTuple):
    """What is made of the scores of patches; by default nothing, as in the paper.

    Attributes:
        method: whose scores they are; or an intensity.
        pixels: of an intensity: that of each pixel, not the mean of a patch.
        witness: which intensities are a second witness.
        verdict: of the two witnesses.
        smoothing: in the plane, sigma in patches.
        across: smoothing across slices, sigma in mm.
    """

    method: str
    pixels: bool = False
    witness: AbnormalIntensity = "none"
    verdict: Verdict = "least"
    smoothing: float = 0
    across: float = 0


def rows_of(detector: AnomalyDetector, rivals: Iterable[str]) -> dict[str, Row]:
    """All rows, by name: with the smoothing and the second witness of a bundle's detector, or a part of them.

    Where the bundle has no second witness, nobody has, and both sides of intensity are rows.
    """
    witness, verdict = detector.witnesses.intensity, detector.witnesses.verdict
    smoothing, across = detector.smoothing.sigma, detector.smoothing_across.sigma

    def smoothed(method: str) -> Row:
        return Row(method, smoothing=smoothing, across=across)

    def with_witness(method: str) -> Row:
        return smoothed(method)._replace(witness=witness, verdict=verdict)

    rows: dict[str, Row] = {}
    intensities = {"bright": ("brightness",), "dark": ("darkness",)}.get(witness, ("brightness", "darkness"))
    for intensity in intensities:
        rows |= {intensity: Row(intensity, pixels=True), f"{intensity}, smoothed": smoothed(intensity)}
    for rival in rivals:
        rows[rival] = smoothed(rival)
        if witness != "none":
            rows[f"{rival}, two witnesses"] = with_witness(rival)
    rows[OURS] = with_witness(OURS)
    if witness != "none":
        other: Verdict = "sum" if verdict == "least" else "least"
        rows["ours, one witness"] = smoothed(OURS)
        rows[f"ours, verdict {other}"] = with_witness(OURS)._replace(verdict=other)
    rows["ours, not across slices"] = with_witness(OURS)._replace(across=0)
    rows[AS_PUBLISHED] = Row(AS_PUBLISHED)
    return rows


class PatchMap:
    """From the scores of the patches of a volume to its map, by the parts of the package.

    Args:
        row: what is made of them.
        normal: patches that a second witness takes for usual.
        detector: whose patches they are.

    Raises:
        ValueError: there is too little in the normal patches to learn from.
    """

    def __init__(self, row: Row, normal: NormalPatches | None, detector: AnomalyDetector) -> None:
        self._witnesses = TwoWitnesses(row.witness, row.verdict)
        if row.witness != "none" and normal is not None:
            self._witnesses.fit(*normal)
        self._smoothing = ScoreSmoothing(row.smoothing)
        self._across = SliceSmoothing(row.across)
        self._letterbox = detector.letterbox
        self._patch_size = detector.encoder.patch_size

    def __call__(self, scores: Tensor, volume: LabelledVolume) -> Tensor:
        """Map a volume.

        Args:
            scores: ``[S, 1, h, w]`` of the slices that show something.
            volume: theirs.

        Returns:
            ``[H, W, D]``, 0 in slices that show nothing.
        """
        height, width, _ = volume.image.shape
        grid = self._smoothing(self._witnesses(scores, volume.intensity))
        view = volume.view
        seen = self._letterbox.restore(grid, patch_size=self._patch_size, image_size=(view.height, view.width))
        maps = view.put_back(seen, (height, width))
        return self._across(_in_volume(maps[:, 0], volume), apart=volume.apart, scored=volume.shown)


def of_patches(intensity: str, volume: LabelledVolume) -> Tensor:
    """Brightness or darkness of the patches of a volume: ``[S, 1, h, w]``, 0 to 1."""
    return 1 - volume.intensity if intensity == "darkness" else volume.intensity


def of_pixels(intensity: str, volume: LabelledVolume) -> Tensor:
    """Brightness or darkness of the pixels of a volume: ``[H, W, D]``, 0 to 1; 0 in slices that show nothing."""
    shown = volume.image.movedim(-1, 0)[volume.shown]
    return _in_volume(1 - shown if intensity == "darkness" else shown, volume)


def _in_volume(slices: Tensor, volume: LabelledVolume) -> Tensor:
    maps = torch.zeros(volume.image.shape)
    maps.movedim(-1, 0)[volume.shown] = slices
    return maps
