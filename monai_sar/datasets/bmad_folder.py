"""Look at the folder of a data set and tell in which of BMAD's layouts it lies there.

Every folder that holds images is held against the patterns of every layout, and the layout that accounts for
the most files is the one that was found. No data set is known by its name.
"""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monai_sar.datasets.bmad_layouts import CLASSES, LAYOUTS, SPLITS, AnomalyClass, Layout, Place, Split
from monai_sar.scans.dicom_header import is_dicom
from monai_sar.scans.file_format import is_volume

__all__ = ["BMADLayout", "DatasetError", "find_bmad_layout"]

_NO_IMAGES = frozenset((".json", ".csv", ".txt", ".md"))
IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"))

_MAX_DEPTH = 6  # three folders in the deepest pattern, one of a series; a root given two too high still gets its hint

_Files = Mapping[str, tuple[Path, ...]]
"""The scans directly in each folder; the keys are relative to the root, with ``/``."""


class DatasetError(ValueError):
    """The files on disk are not the data set that they should be."""


@dataclass(frozen=True)
class BMADLayout:
    """What lies in the folder of one data set.

    Attributes:
        root: the folder.
        layout: the row of :data:`LAYOUTS` that fits.
        images: the images of each (split, class); a combination without images is absent.
        masks: the masks likewise; the class is None for masks that lie in one folder for both classes.
        unused: images in places that the layout does not know.
    """

    root: Path
    layout: Layout
    images: Mapping[Place, tuple[Path, ...]]
    masks: Mapping[Place, tuple[Path, ...]]
    unused: tuple[Path, ...]

    @property
    def name(self) -> str:
        """The letter of the layout, "A" to "G"."""
        return self.layout.name

    @property
    def counts(self) -> dict[Split, dict[AnomalyClass, int]]:
        """Number of images per split and class, zeros included."""
        return {split: {kind: len(self.images.get((split, kind), ())) for kind in CLASSES} for split in SPLITS}

    def __str__(self) -> str:
        splits = (
            f"{split} " + " + ".join(f"{number} {kind}" for kind, number in per_class.items())
            for split, per_class in self.counts.items()
        )
        return f"{self.root}: BMAD layout {self.name} ({self.layout.picture}); {', '.join(splits)}"


def find_bmad_layout(root: str | os.PathLike[str]) -> BMADLayout:
    """Look at the folders under ``root`` and say in which of BMAD's layouts the data set lies there.

    Images (and masks) are .png, .jpg, .jpeg, .tif, .tiff and .bmp files in any case of letters, NIfTI files, DICOM
    files by content, and folders that hold a DICOM series; hidden files and folders are passed over. Only the folders
    are looked at: whether every mask has its image, for instance, is for
    :func:`monai_sar.datasets.bmad.find_bmad_problems`.

    Args:
        root: the folder of one data set, such as the one that holds ``train`` and ``test``.

    Raises:
        DatasetError: the folder does not exist or cannot be read, or no layout fits.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DatasetError(f"{root}: found no such folder; expected that of a BMAD data set. Check the path.")
    files = _image_folders(root)
    layout = _best_layout(root, files)
    if layout is None:
        raise DatasetError(_describe_unknown(root, files))
    return layout


def _image_folders(root: Path) -> dict[str, tuple[Path, ...]]:
    """Return the images of each folder under ``root``."""

    def refuse(error: OSError) -> None:
        raise DatasetError(f"{error.filename}: found, but cannot be read ({error.strerror}). Check who may.")

    files: dict[str, tuple[Path, ...]] = defaultdict(tuple)
    for folder, subfolders, names in os.walk(root, onerror=refuse, followlinks=True):
        relative = Path(folder).relative_to(root)
        too_deep = len(relative.parts) >= _MAX_DEPTH
        subfolders[:] = [] if too_deep else sorted(name for name in subfolders if not name.startswith("."))
        # macOS leaves a hidden "._x.png" beside "x.png" on foreign disks
        paths = [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
        images, others = [], []
        for path in paths:  # the content is looked at where the name does not tell, and once
            suffix = path.suffix.lower()
            if suffix in IMAGE_SUFFIXES or is_volume(path):
                images.append(path)
            elif suffix not in _NO_IMAGES:
                others.append(path)
        if _is_a_place(relative.as_posix()):
            images = sorted(images + [path for path in others if is_dicom(path)])
        elif relative.parts and any(map(is_dicom, others)):
            files[relative.parent.as_posix()] += (Path(folder),)
        if images:
            files[relative.as_posix()] += tuple(images)
    return files


def _is_a_place(folder: str) -> bool:
    """Return whether any layout has images or masks in ``folder``: DICOM files there are scans of their own."""
    return any(layout.place_of_images(folder) or layout.place_of_masks(folder) for layout in LAYOUTS)


def _best_layout(root: Path, files: _Files) -> BMADLayout | None:
    """Return the layout that accounts for the most files, or None if none knows a place of images."""
    candidates = (_arrange(root, layout, files) for layout in LAYOUTS)
    best = min(candidates, key=lambda found: len(found.unused))
    return best if best.images else None


def _arrange(root: Path, layout: Layout, files: _Files) -> BMADLayout:
    """Put every file where ``layout`` says that it belongs."""
    images: dict[Place, tuple[Path, ...]] = defaultdict(tuple)
    masks: dict[Place, tuple[Path, ...]] = defaultdict(tuple)
    unused: tuple[Path, ...] = ()
    for folder, paths in files.items():
        if (place := layout.place_of_images(folder)) is not None:
            images[place] += paths
        elif (place := layout.place_of_masks(folder)) is not None:
            masks[place] += paths
        else:
            unused += paths
    return BMADLayout(root, layout, dict(images), dict(masks), unused)


def _describe_unknown(root: Path, files: _Files) -> str:
    """Say what lies under ``root``, what was expected, and which folder to give instead."""
    found = sorted(path.name + "/" * path.is_dir() for path in root.iterdir() if not path.name.startswith("."))
    listing = ", ".join(found[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")
    known = "\n".join(f"  {layout.name}: {layout.picture}" for layout in sorted(LAYOUTS, key=lambda x: x.name))
    below = [f"{inner.root} (layout {inner.name})" for inner in _layouts_below(root, files)]
    advice = "Arrange the files in one of them, or give the folder that holds such a layout."
    if len(below) == 1:
        advice = f"One folder below holds a known layout: give {below[0]} instead."
    elif below:
        advice = f"Several folders below hold a known layout: give one of {', '.join(below)}."
    return f"{root}: found {listing or 'nothing'}; expected one of the BMAD layouts\n{known}\n{advice}"


def _layouts_below(root: Path, files: _Files) -> list[BMADLayout]:
    """Return the layouts in the folders one or two levels below ``root``, but none inside another."""
    folders = {"/".join(folder.split("/")[:depth]) for folder in files for depth in (1, 2)}
    layouts: dict[str, BMADLayout] = {}
    for outer in sorted(folders, key=lambda folder: (folder.count("/"), folder)):
        start = f"{outer}/"
        inner = {folder.removeprefix(start): paths for folder, paths in files.items() if folder.startswith(start)}
        if outer.split("/")[0] not in layouts and (found := _best_layout(root / outer, inner)):
            layouts[outer] = found
    return list(layouts.values())
