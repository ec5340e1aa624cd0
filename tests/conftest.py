"""What tests of whole predictions share: one tiny real checkpoint, and scans of a head that a network can look at."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import FileDataset
from scipy.spatial.transform import Rotation

from monai_sar.inferers import ScanPredictor
from tests.bundles.conftest import TINY, untrained_checkpoint
from tests.scans.conftest import Edit, write_multi_frame, write_series
from tests.terminal import Terminal

__all__ = ["BUNDLE", "TINY", "head", "one_study", "save_nifti", "write_multi_frame", "write_series"]

BUNDLE = Path(__file__).resolve().parents[1] / "bundles" / "brain_mri_anomaly"

OBLIQUE = np.eye(4)
"""Rows of the array run to posterior, columns to the left, thick slices up; tilted."""
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", (14, -9, 6), degrees=True).as_matrix() @ [
    [0, -1, 0],
    [-1, 0, 0],
    [0, 0, 1],
]
OBLIQUE[:3] = np.column_stack([OBLIQUE[:3, :3] * (1.1, 0.9, 5.0), (40, -20, 7)])


@pytest.fixture(scope="session")
def outside() -> Callable[[str], Path]:
    """Finds a file or folder that cannot be part of this repository, such as a real scan; skips where it is absent.

    The environment variable ``MONAI_SAR_DATA`` names the folder where they lie, in ``data``, ``weights`` and
    ``reference``. By default it is ``shared`` beside the checkout.
    """
    folder = Path(os.environ.get("MONAI_SAR_DATA") or Path(__file__).resolve().parents[2] / "shared")

    def find(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"{name} is not in {folder}; MONAI_SAR_DATA names another folder")
        return folder / name

    return find


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal; ``with redirect_stderr(terminal.file)`` writes to it."""
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The brain bundle's detector, made tiny, without a second witness, never trained, as training would write it."""
    path = tmp_path_factory.mktemp("models") / "model.pt"
    return untrained_checkpoint(BUNDLE, path, abnormal_intensity="none")


@pytest.fixture(scope="session")
def predictor(checkpoint: Path) -> ScanPredictor:
    """That checkpoint in the bundle, with a threshold that flags a part of what it sees."""
    return ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint, threshold=0.9963)


def head(shape: tuple[int, int, int] = (34, 30, 5), *, seed: int = 0) -> NDArray[np.int16]:
    """A disc of bright noise in air, ``[rows, columns, slices]``; the last slice shows nothing."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    tissue = np.hypot(rows - shape[0] / 2, columns - shape[1] / 2) < 0.4 * min(shape[:2])
    voxels: NDArray[np.float64] = tissue[..., None] * np.random.default_rng(seed).normal(300, 60, shape).clip(100)
    voxels[..., -1] = 0
    return voxels.astype(np.int16)


def save_nifti(
    path: Path,
    voxels: NDArray[Any] | None = None,
    affine: NDArray[np.float64] = OBLIQUE,
    *,
    codes: tuple[int, int] = (1, 2),
    unit: str = "mm",
) -> Path:
    """Write a volume (by default the head) with its affine in qform and sform, under these two codes."""
    image = nib.nifti1.Nifti1Image(head() if voxels is None else voxels, affine)
    image.header.set_xyzt_units(unit)
    image.header["descrip"] = b"SECRET description"
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def one_study() -> Edit:
    """For ``write_series(edit=...)``: all slices are of one study and one frame of reference, as in a hospital."""
    study, frame_of_reference = uid.generate_uid(), uid.generate_uid()

    def edit(ds: FileDataset, index: int) -> None:
        ds.StudyInstanceUID, ds.FrameOfReferenceUID = study, frame_of_reference

    return edit
