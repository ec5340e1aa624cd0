"""Small raw data sets in the real naming and formats, and what a prepared data set must always be."""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from monai_sar.datasets.bmad import find_bmad_layout, find_bmad_problems, load_bmad_datalist
from monai_sar.datasets.bmad_layouts import SPLITS
from monai_sar.datasets.patients import patient_of
from monai_sar.scans.stored_mask import read_stored_mask

STORED_AXES = ("LPS", "RAS", "PSL", "SRA")

Array = NDArray[Any]


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_png(path: Path) -> Array:
    with Image.open(path) as image:
        return np.asarray(image)


def manifest(root: Path) -> list[dict[str, str]]:
    with (root / "manifest.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def save_displayed(path: Path, displayed: Array, axes: str, *, spacing: float = 1.0, tilt: float = 0.0) -> Array:
    """Store ``[rows to posterior, columns to left, slices up]`` with other axes; return the array as stored."""
    affine = np.eye(4)
    turn = Rotation.from_euler("xyz", (tilt, -tilt, tilt / 2), degrees=True).as_matrix()
    affine[:3, :3] = turn @ [[0, -1, 0], [-1, 0, 0], [0, 0, 1]] * spacing
    affine[:3, 3] = (31, -17, 5)
    change = ornt_transform(axcodes2ornt("PLS"), axcodes2ornt(axes))
    stored: Array = apply_orientation(displayed, change)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.nifti1.Nifti1Image(stored, affine @ inv_ornt_aff(change, displayed.shape)), path)
    return stored


def stored_slice(source: Path, index: int) -> Array:
    """Return the slice of the file's own array along the axis nearest to head-feet, unturned."""
    nifti = nib.nifti1.load(source)
    axis = [set(code) <= set("IS") for code in nib.orientations.aff2axcodes(nifti.affine)].index(True)
    found: Array = np.take(np.asarray(nifti.dataobj), index, axis=axis)
    return found


def check_prepared(root: Path, raw: Iterable[Path]) -> list[dict[str, str]]:
    """Hold what is true of every prepared data set; return its manifest."""
    layout = find_bmad_layout(root)
    assert layout.name == "A"
    assert layout.unused == ()
    rows = manifest(root)
    listed = []
    for split in SPLITS:
        assert find_bmad_problems(layout, split) == []
        listed += load_bmad_datalist(root, split)
    assert sorted(str(root / row["file"]) for row in rows) == sorted(item["image"] for item in listed)
    by_file = {str(root / row["file"]): row for row in rows}
    splits: dict[str, set[str]] = {}
    for item in listed:
        row = by_file[item["image"]]
        assert (row["split"], row["class"]) == (item["split"], "Ungood" if item["abnormal"] else "good")
        assert patient_of(row["file"]) == row["patient"]
        splits.setdefault(row["patient"], set()).add(row["split"])
        pixels = 0 if item["label"] is None else int(read_stored_mask(item["label"]).lesion.sum())
        assert int(row["lesion_pixels"]) == pixels
        assert (pixels > 0) == bool(item["abnormal"])
        source = next(folder / row["source"] for folder in raw if (folder / row["source"]).is_file())
        assert hashlib.sha256(source.read_bytes()).hexdigest() == row["source_sha256"]
    assert all(len(of_one) == 1 for of_one in splits.values()), splits
    hidden = {path.name for path in root.rglob(".*")}
    assert hidden == set()
    return rows


def write_brats(root: Path, patients: int = 14, *, seed: int = 0) -> dict[str, tuple[Array, Array]]:
    """Write patients in folders, the last one flat; return flair and seg of each as displayed."""
    rng = np.random.default_rng(seed)
    written = {}
    for number in range(patients):
        flair = rng.integers(40, 900 + 10 * number, (18, 14, 104)).astype(np.int16)
        flair[:2] = 0
        seg = np.zeros(flair.shape, np.uint8)
        # tumour in some of the slices 60 to 100, and in slices that are not taken
        seg[5:9, 3 : 5 + number % 3, 66:90] = (1, 2, 4)[number % 3]
        seg[4:6, 4:6, 50:64] = 2
        name = f"{number:05d}"
        folder = root if number == patients - 1 else root / f"BraTS2021_{name}"
        axes, tilt = STORED_AXES[number % 4], 7.0 * (number % 2)
        save_displayed(folder / f"BraTS2021_{name}_flair.nii.gz", flair, axes, tilt=tilt)
        save_displayed(folder / f"BraTS2021_{name}_seg.nii.gz", seg, axes, tilt=tilt)
        written[name] = flair, seg
    return written


def write_livers(btcv: Path, lits: Path) -> dict[str, tuple[Array, Array]]:
    """Write five patients of BTCV and four of LiTS; return volume and outline of each as displayed."""
    rng = np.random.default_rng(1)
    written = {}
    for number in range(9):
        volume = rng.integers(-400, 500, (30, 32, 9)).astype(np.int16)
        outline = np.zeros(volume.shape, np.uint8)
        outline[6:18, 3:14, 2:7] = 1  # 132 pixels of 25 mm²
        outline[6:11, 3:10, 7] = 1  # 35 pixels: too few
        axes, tilt = STORED_AXES[number % 4], 5.0 * (number % 2)
        if number < 5:
            outline *= 6
            outline[20:24, 20:24] = 3
            name, files = f"img{number + 1:04d}", (f"img/img{number + 1:04d}", f"label/label{number + 1:04d}")
            folder, suffix = btcv / "RawData" / "Training", ".nii.gz"
        else:
            outline[8:11, 5:8, 3:5] = 0 if number == 8 else 2
            name, files = f"volume-{number}", (f"Batch {number % 2}/volume-{number}", f"seg/segmentation-{number}")
            folder, suffix = lits, ".nii"
        save_displayed(folder / f"{files[0]}{suffix}", volume, axes, spacing=5.0, tilt=tilt)
        save_displayed(folder / f"{files[1]}{suffix}", outline, axes, spacing=5.0, tilt=tilt)
        written[name] = volume, outline
    return written


RESC_VOLUMES = {
    "Edema_trainingset": ("P0001_sn1", "P0002_sn2", "PC010_sn3", "PC010_sn4", "PC007_sn5"),
    "Edema_validationset": ("PC010_sn6", "P0077_sn7", "P1830_sn8", "P1830_sn9"),
}


def write_resc(root: Path, *, frames: int = 11) -> dict[str, tuple[Array, Array]]:
    """Write cubes of eleven B-scans of 24 x 48 pixels; return frames and labels of each by its name."""
    rng = np.random.default_rng(2)
    written = {}
    for official, names in RESC_VOLUMES.items():
        for name in names:
            patient, scan = name.split("_")
            cube = f"{patient}_MacularCube512x128_9-3-2013_8-18-29_OS_{scan}_cube_z"
            images = rng.integers(0, 256, (frames, 48, 24)).astype(np.uint8)
            labels = np.zeros(images.shape, np.uint8)
            for index, value in ((2, 128), (3, 191), (9, 255)):
                labels[index, 10:20, 5 : 9 + index] = value
            folder = root / f"ai_challenger_fl2018_{official.removeprefix('Edema_')}" / official
            for index in range(frames):
                for kind, pixels in (
                    (f"original_images/{cube}.img", images[index]),
                    (f"label_images/{cube}_labelMark", labels[index]),
                ):
                    (folder / kind).mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(folder / kind / f"{index + 1}.bmp")
            written[cube] = images, labels
    return written
