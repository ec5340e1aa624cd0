"""One subject of the liver phantoms: a CT volume, the masks of its liver and lesion, and its place in the scanner."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from monai_sar.phantoms.liver_ct.attenuation import Attenuation
from monai_sar.phantoms.liver_ct.canvas import Canvas
from monai_sar.phantoms.liver_ct.ct_scanner import acquire
from monai_sar.phantoms.liver_ct.gut import paint_gut
from monai_sar.phantoms.liver_ct.lesion import LiverLesionKind, insert_lesion
from monai_sar.phantoms.liver_ct.liver import Liver
from monai_sar.phantoms.liver_ct.organs import Organs
from monai_sar.phantoms.liver_ct.spine import paint_spine
from monai_sar.phantoms.liver_ct.trunk import Trunk
from monai_sar.phantoms.smooth_field import spline_field

__all__ = ["GENERATOR", "SHAPE", "SPACING", "LiverPhantom", "make_liver_phantom"]

Array = NDArray[np.float32]

GENERATOR = 1  # to be raised when the same seed gives another image than before
SHAPE = (192, 192, 28)  # rows to posterior, columns to left, slices to superior
SPACING = (1.9, 1.9, 5.0)  # mm


@dataclass(frozen=True)
class LiverPhantom:
    """A scanned subject.

    The axes of the arrays are those of radiological display: rows run from anterior to posterior, columns from
    the patient's right to the left, slices from inferior to superior ("PLS" in the axis codes of nibabel).

    Attributes:
        image: Hounsfield units [192, 192, 28], float32, -1024 to 3071.
        mask: lesion, same shape, boolean; all false in a normal subject.
        liver: the liver with its vessels and its lesion, same shape, boolean.
        affine: voxel index to mm in RAS+ (the convention of NIfTI and nibabel), [4, 4].
    """

    image: Array
    mask: NDArray[np.bool_]
    liver: NDArray[np.bool_]
    affine: NDArray[np.float64]


def make_liver_phantom(seed: int, subject: int, lesion: LiverLesionKind | None = None) -> LiverPhantom:
    """Make one subject; the same numbers always give the same subject.

    With and without a lesion it is the same person in the same scanner, noise included.

    Args:
        seed: which family of subjects, 0 or more.
        subject: which of them, 0 or more.
        lesion: what grows in the liver, or None for a normal subject.
    """
    streams = np.random.SeedSequence([seed, subject]).spawn(4)
    anatomy, growth, scanner, position = (np.random.default_rng(stream) for stream in streams)
    attenuation = Attenuation.draw(anatomy)
    canvas = _paint_abdomen(anatomy, attenuation)
    liver = canvas.liver_depth > 0
    mask = np.zeros(SHAPE, np.bool_)
    if lesion is not None:
        mask = insert_lesion(growth, lesion, canvas, attenuation=attenuation, spacing=SPACING)
    return LiverPhantom(acquire(scanner, canvas.hu), mask, liver, _axial_affine(position))


def _paint_abdomen(rng: np.random.Generator, attenuation: Attenuation) -> Canvas:
    canvas = Canvas.filled(_points_in_abdomen(rng), attenuation.air)
    trunk, organs, liver = Trunk.draw(rng), Organs.draw(rng), Liver.draw(rng)
    trunk.paint(canvas, attenuation)
    paint_spine(canvas, rng, attenuation)
    paint_gut(canvas, rng, attenuation, trunk=trunk)
    organs.paint(canvas, attenuation)
    liver.paint(canvas, rng, attenuation, trunk=trunk, organs=organs)
    return canvas


def _points_in_abdomen(rng: np.random.Generator) -> Array:
    """Where the voxels lie in the template abdomen, [3, *SHAPE] in mm: pose, size and shape of the subject."""
    y, x, z = (
        (np.arange(n, dtype=np.float32) - (n - 1) / 2) * np.float32(mm) for n, mm in zip(SHAPE, SPACING, strict=True)
    )
    y, x, z = np.meshgrid(y, x, z, indexing="ij")
    points = np.stack([x, y, z]) + rng.uniform(-6, 6, (3, 1, 1, 1)).astype(np.float32)
    turn = Rotation.from_euler("z", rng.normal(0, 2), degrees=True).as_matrix()
    size = rng.uniform(0.88, 1.02) * rng.uniform((0.96, 1.06, 0.95), (1.05, 1.18, 1.08))
    points = np.tensordot((turn / size[:, None]).astype(np.float32), points, axes=1)
    return np.asarray(points + 9 * np.stack([spline_field(rng, SHAPE, (4, 4, 3)) for _ in range(3)]), np.float32)


def _axial_affine(rng: np.random.Generator) -> NDArray[np.float64]:
    """Voxel index to RAS+ mm: rows to P = -y, columns to L = -x, slices to S = z, off the origin by whole mm."""
    affine = np.zeros((4, 4))
    affine[[1, 0, 2], [0, 1, 2]] = np.array(SPACING) * (-1, -1, 1)
    affine[:3, 3] = np.round(rng.uniform((170, 165, -400), (190, 195, -200)))
    affine[3, 3] = 1
    return affine
