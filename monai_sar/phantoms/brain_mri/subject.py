"""One subject of the brain phantoms: a FLAIR-like volume, its lesion mask and its place in the scanner."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from monai_sar.phantoms.brain_mri.head import HeadAnatomy
from monai_sar.phantoms.brain_mri.lesion import LesionKind, insert_lesion
from monai_sar.phantoms.brain_mri.mr_signal import acquire
from monai_sar.phantoms.smooth_field import spline_field

__all__ = ["CENTRAL_SLICES", "GENERATOR", "SHAPE", "SPACING", "BrainPhantom", "make_brain_phantom"]

Array = NDArray[np.float32]

GENERATOR = 1  # to be raised when the same seed gives another image than before
SHAPE = (192, 160, 24)  # rows to posterior, columns to left, slices to superior
SPACING = (1.0, 1.0, 5.0)  # mm
CENTRAL_SLICES = slice(8, 21)  # from the basal ganglia to the centrum semiovale


@dataclass(frozen=True)
class BrainPhantom:
    """A scanned subject.

    The axes of both arrays are those of radiological display: rows run from anterior to posterior, columns from
    the patient's right to the left, slices from inferior to superior ("PLS" in the axis codes of nibabel).

    Attributes:
        image: signal [192, 160, 24], float32, positive, arbitrary units.
        mask: lesion, same shape, boolean; all false in a normal subject.
        affine: voxel index to mm in RAS+ (the convention of NIfTI and nibabel), [4, 4]. Oblique: the head lies
            tilted in the scanner, and so do the slices.
    """

    image: Array
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]


def make_brain_phantom(seed: int, subject: int, lesion: LesionKind | None = None) -> BrainPhantom:
    """Make one subject; the same numbers always give the same subject.

    With and without a lesion it is the same person in the same scanner, noise included.

    Args:
        seed: which family of subjects, 0 or more.
        subject: which of them, 0 or more.
        lesion: what grows in the brain, or None for a normal subject.
    """
    streams = np.random.SeedSequence([seed, subject]).spawn(4)
    anatomy, growth, scanner, position = (np.random.default_rng(stream) for stream in streams)
    points = _points_in_head(anatomy)
    head = HeadAnatomy.draw(anatomy)
    tissue = head.render(points)
    mask = np.zeros(SHAPE, np.bool_)
    if lesion is not None:
        mask = insert_lesion(growth, lesion, tissue, head=head, points=points, spacing=SPACING, slices=CENTRAL_SLICES)
    return BrainPhantom(acquire(scanner, tissue.signal), mask, _oblique_affine(position))


def _points_in_head(rng: np.random.Generator) -> Array:
    """Where the voxels lie in the template head, [3, *SHAPE] in mm: pose, size and shape of the subject."""
    y, x, z = (
        (np.arange(n, dtype=np.float32) - centre) * mm
        for n, centre, mm in zip(SHAPE, (95.5, 79.5, 9.0), SPACING, strict=True)
    )
    y, x, z = np.meshgrid(y, x, z, indexing="ij")
    points = np.stack([x, y, z]) + rng.uniform(-2, 2, (3, 1, 1, 1)).astype(np.float32)
    turn = Rotation.from_euler("zyx", rng.normal(0, (3, 2, 4)), degrees=True).as_matrix()
    size = rng.uniform((0.85, 0.88, 0.92), (0.94, 0.98, 1.03))
    points = np.tensordot((turn / size[:, None]).astype(np.float32), points, axes=1)
    return points + 5 * np.stack([spline_field(rng, SHAPE, (6, 5, 4)) for _ in range(3)])


def _oblique_affine(rng: np.random.Generator) -> NDArray[np.float64]:
    """Voxel index to RAS+ mm: slices tilted by 4 to 15 degrees about x and by 2 to 8 about y, off the origin."""
    tilt = Rotation.from_euler("xy", rng.uniform((4, 2), (15, 8)) * rng.choice((-1, 1), 2), degrees=True)
    to_ras = np.array([[0, -1, 0], [-1, 0, 0], [0, 0, 1]])  # rows to P = -y, columns to L = -x, slices to S = z
    affine = np.eye(4)
    affine[:3, :3] = tilt.as_matrix() @ to_ras * SPACING
    centre_mm = rng.uniform((-15, -25, -40), (15, 25, 40))
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    return affine
