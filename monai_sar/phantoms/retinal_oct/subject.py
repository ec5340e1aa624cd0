"""One subject of the retina phantoms: a macular OCT volume, its lesion mask and its place in space."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from monai_sar.phantoms.retinal_oct.grid import SHAPE, OctGrid
from monai_sar.phantoms.retinal_oct.lesion import RetinaLesionKind, with_lesion
from monai_sar.phantoms.retinal_oct.macula import Macula
from monai_sar.phantoms.retinal_oct.oct_signal import acquire

__all__ = ["GENERATOR", "USUAL_SPACING", "RetinaPhantom", "has_positions", "make_retina_phantom"]

Array = NDArray[np.float32]

GENERATOR = 1  # to be raised when the same seed gives another image than before
USUAL_SPACING = (0.008, 0.0156, 0.24)  # mm between rows, columns and B-scans


@dataclass(frozen=True)
class RetinaPhantom:
    """A scanned macula.

    Rows run from anterior (vitreous) to posterior (choroid), columns from the patient's right to the left in both
    eyes, B-scans from inferior to superior.

    Attributes:
        image: grey values [192, 384, 13], float32, 0 to 254; 255 is no tissue but the margin of an aligned B-scan.
        mask: fluid, or what lifts the pigment epithelium, same shape, boolean; all false in a normal subject.
        spacing: between rows, columns and B-scans in mm.
        laterality: "R" or "L", the eye.
        affine: voxel index (row, column, B-scan) to mm in RAS+, [4, 4]. Oblique: eyes roll.
    """

    image: Array
    mask: NDArray[np.bool_]
    spacing: tuple[float, float, float]
    laterality: str
    affine: NDArray[np.float64]


def has_positions(subject: int) -> bool:
    """Whether the scan of a subject is exported with its geometry. The others come as bare images."""
    return subject % 2 == 0


def make_retina_phantom(seed: int, subject: int, lesion: RetinaLesionKind | None = None) -> RetinaPhantom:
    """Make one subject; the same numbers always give the same subject.

    With and without a lesion it is the same eye in the same scanner, noise included. A lesion moves the layers above
    it, so whole columns differ within its reach (``lesion.REACH_MM``, and 3 voxels of blur), and none beyond it.

    Args:
        seed: which family of subjects, 0 or more.
        subject: which of them, 0 or more. Spacing differs between even numbers and is ``USUAL_SPACING`` in odd ones.
        lesion: what is wrong with the macula, or None for a normal subject.
    """
    streams = np.random.SeedSequence([seed, subject]).spawn(4)
    anatomy, growth, scanner, position = (np.random.default_rng(stream) for stream in streams)
    spacing = _protocol(position) if has_positions(subject) else USUAL_SPACING
    laterality = str(position.choice(("R", "L")))
    macula = Macula.draw(anatomy, OctGrid(spacing), nasal=1 if laterality == "R" else -1)
    if lesion is not None:
        macula = with_lesion(growth, lesion, macula)
    reflectivity, mask = macula.render()
    return RetinaPhantom(acquire(scanner, reflectivity), mask, spacing, laterality, _oblique_affine(position, spacing))


def _protocol(rng: np.random.Generator) -> tuple[float, float, float]:
    columns, slices = rng.uniform((0.0135, 0.14), (0.0165, 0.3)).round(4).tolist()
    return USUAL_SPACING[0], columns, slices


def _oblique_affine(rng: np.random.Generator, spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    """Voxel index to RAS+ mm: rolled by up to 8 degrees about the line of sight, turned by up to 5 about others."""
    turn = Rotation.from_euler("yxz", rng.uniform((-8, -5, -5), (8, 5, 5)), degrees=True)
    to_ras = np.array([[0, -1, 0], [-1, 0, 0], [0, 0, 1]])  # rows to P = -y, columns to L = -x, B-scans to S = z
    affine = np.eye(4)
    affine[:3, :3] = turn.as_matrix() @ to_ras * spacing
    centre_mm = rng.uniform(-3, 3, 3)
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    return affine
