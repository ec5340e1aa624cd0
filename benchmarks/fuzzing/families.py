"""Kinds of files: how a sound one is written, how it is changed, how it is read."""

import hashlib
import json
import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.bundle import ConfigParser
from pydicom import uid

from benchmarks.fuzzing import change_headers as headers
from benchmarks.fuzzing import sound_files as sound
from benchmarks.fuzzing.change_bytes import damaged
from benchmarks.fuzzing.change_checkpoint import change_parts, change_said, change_tensors
from benchmarks.fuzzing.change_dicom import change_element, change_files
from benchmarks.fuzzing.change_json import changed_json, written_json
from benchmarks.fuzzing.strange_values import text
from monai_sar.datasets import load_data_set
from monai_sar.networks import AnomalyDetector
from monai_sar.scans import ScanError, read_scan
from monai_sar.scans.find import search_scans
from monai_sar.scans.same_grid import SAME_GRID, farthest_apart
from monai_sar.scans.scan_mask import read_scan_mask
from monai_sar.settings.bundle_config import read_bundle_config, use_checkpoint_settings

__all__ = ["FAMILIES", "OUTSIDE", "Family", "Result"]

OUTSIDE = (12345, 12346)
"""The values in files that lie outside, which no file may have read."""

Change = Callable[[bytes, Random], tuple[bytes, str]]


@dataclass(frozen=True)
class Result:
    """What was read.

    Attributes:
        content: SHA-256 of the voxels, or of what else the file is there to hold.
        rest: the rest, as text.
        wrong: what is wrong with it; None: nothing.
    """

    content: str
    rest: str
    wrong: str | None = None


@dataclass(frozen=True)
class Family:
    """Files of one kind.

    Attributes:
        name: such as "nifti.gz".
        write: writes a sound file or folder into a folder, and returns its path.
        read: reads it, as users do.
        changes: of the content of one file, besides damage that knows nothing of it.
        change_folder: of which files there are.
        checksums: whether damage to the voxels must be seen.
        changed: which files are changed, as a pattern; what lies beside them stays sound.
    """

    name: str
    write: Callable[[Path], Path]
    read: Callable[[Path], Result]
    changes: tuple[Change, ...] = ()
    change_folder: Callable[[Path, Random], str] | None = None
    checksums: bool = False
    changed: str = "**/*"

    def change(self, folder: Path, number: int) -> tuple[bool, list[str]]:
        """Change a copy of the sound files; the same number does the same.

        Returns:
            Whether it was damage alone, which knows nothing of checksums; and what was done.
        """
        random = Random(f"{self.name} {number}")  # noqa: S311 (has to be the same again)
        done, blind = [], True
        for _ in range(random.choice((1, 1, 1, 1, 2, 4))):
            if self.change_folder is not None and random.random() < 0.2:
                done.append(self.change_folder(folder, random))
                blind = False
                continue
            files = sorted(path for path in folder.glob(self.changed) if path.is_file() and path.stat().st_size)
            if not files:
                break
            file = random.choice(files)
            change = random.choice((damaged, *self.changes, *self.changes))
            try:
                content, what = change(file.read_bytes(), random)
            except Exception:  # what was changed before cannot be changed so any more
                change = damaged
                content, what = damaged(file.read_bytes(), random)
            file.write_bytes(content)
            blind &= change is damaged
            done.append(f"{file.relative_to(folder)}: {what}")
        return blind, done


def _of_scan(path: Path) -> Result:
    stack = path.name == "pages.tif" or (path.is_dir() and any(path.glob("slice*")))
    scan = read_scan(path, spacing=(1, 1, 1) if stack else None)
    return _of_voxels(scan.image.numpy(), scan.image.affine.numpy(), f"{scan.slice_axis} {scan.notes}")


def _of_mask(path: Path) -> Result:
    scan = _scan_of_mask(path.parent / "scan")
    mask, affine = read_scan_mask(path, scan)
    # as its callers do
    if mask.shape != scan.shape[1:] or not farthest_apart(affine, scan.affine.numpy(), mask.shape) < SAME_GRID:
        raise ScanError("The mask lies on another grid.")
    return _of_voxels(mask, affine, "")


@cache
def _scan_of_mask(path: Path) -> Any:
    return read_scan(path if path.exists() else sorted(path.parent.glob("scan.*"))[0]).image


def _of_voxels(voxels: Any, affine: Any, notes: str) -> Result:
    wrong = None
    if not (np.isfinite(voxels).all() and np.isfinite(affine).all()):
        wrong = "not finite"
    elif voxels.dtype != bool and voxels.size and (voxels.min(), voxels.max()) == OUTSIDE:
        wrong = "a file outside was read"
    shape = str(voxels.shape)
    digest = hashlib.sha256(shape.encode() + np.ascontiguousarray(voxels).tobytes()).hexdigest()
    return Result(digest, f"{shape} {np.asarray(affine).round(4).tolist()} {notes}", wrong)


@cache
def _config() -> Any:
    return read_bundle_config(sound.BUNDLE, "inference", parts=("network",), overrides={}).get()


@cache
def _detector() -> AnomalyDetector:
    parser = ConfigParser(deepcopy(_config()))
    parser.update(dict(sound.TINY))
    network: AnomalyDetector = parser.get_parsed_content("network").eval()
    return network


def _of_checkpoint(path: Path) -> Result:
    config = ConfigParser(deepcopy(_config()))
    use_checkpoint_settings(config, path, overrides=(), fixed=("modality",))
    detector = _detector()
    detector.load_checkpoint(path)
    with torch.no_grad():
        features = torch.linspace(-1, 1, 192 * 4).reshape(1, 192, 2, 2)
        score = detector.score(features, torch.full((1, 1, 2, 2), 0.5))
    calibration, wrong = detector.calibration, None
    if calibration is not None:
        thresholds = [calibration.pixel_threshold(rate) for rate in calibration.rates]
        p_value = calibration.p_value(3.0, kind=calibration.kind)
        if not all(map(math.isfinite, thresholds)) or not (p_value is None or 0 < p_value <= 1):
            wrong = f"thresholds {thresholds}, p-value {p_value}"
    weights = hashlib.sha256(b"".join(each.numpy().tobytes() for each in detector.state_dict().values())).hexdigest()
    return Result(weights, f"{score.tolist()} {config.get()}"[:3000], wrong)


def _of_datalist(path: Path) -> Result:
    told, refused = [], []
    for split, fold in (("train", None), ("valid", None), ("test", None), ("valid", 0)):
        try:
            told.append(load_data_set(path, split, fold=fold))  # type: ignore[arg-type]
        except ValueError as error:
            if not type(error).__module__.startswith("monai_sar"):
                raise
            refused.append(error)
    if refused and not told:
        raise refused[0]
    here = str(path.parent)
    return Result(repr(told).replace(here, ""), repr(refused).replace(here, ""))


def _of_list(path: Path) -> Result:
    found = search_scans([path])
    for problem in found.problems:
        if not found.scans or len(problem.args[0]) > 5000:
            raise problem
    folder = path.parent
    return Result(repr([scan.relative_to(folder) for scan in found.scans if scan.is_relative_to(folder)]), "")


def _change_json(content: bytes, random: Random) -> tuple[bytes, str]:
    document, done = changed_json(json.loads(content), random)
    written, how = written_json(document, random)
    return written, f"{done}; {how}"


def _change_lines(content: bytes, random: Random) -> tuple[bytes, str]:
    lines = content.splitlines()
    at = random.randrange(len(lines) + 1)
    # up from here, or at home, a search would take long, and rightly
    other = next(other for _ in iter(int, 1) if not (other := text(random)).startswith(("..", "~")))
    line = random.choice((other.encode(errors="surrogatepass"), b"list.txt", b"series/.", b"a.nii.gz" * 500, b"."))
    lines[at : at + 1] = [line] * random.choice((0, 1, 1, 500))
    return b"\n".join(lines), f"line {at}: {line[:40]!r}"


def _scan(
    name: str, write: Callable[..., Path], file: str, *changes: Change, checksums: bool = False, **options: Any
) -> Family:
    return Family(name, lambda folder: write(folder / file, **options), _of_scan, changes, checksums=checksums)


def _stack(folder: Path) -> Path:
    for number in range(3):
        sound.write_image(folder / f"slice_{number}.png")
    return folder


def _mask(name: str, write: Callable[[Path], Path], file: str, change: Change) -> Family:
    def write_both(folder: Path) -> Path:
        suffix = file.partition(".")[2]
        if suffix != "dcm":
            write(folder / f"scan.{suffix}")
        return write(folder / file)

    return Family(name, write_both, _of_mask, (change,), changed="mask.*")


def _series(name: str, syntax: uid.UID) -> Family:
    return Family(
        name, lambda folder: sound.write_series(folder / "s", syntax), _of_scan, (change_element,), _change_series
    )


def _change_series(folder: Path, random: Random) -> str:
    return change_files(folder / "s", random)


_COMPRESSED = {"rle": uid.RLELossless, "jpeg-ls": uid.JPEGLSLossless, "jpeg-2000": uid.JPEG2000Lossless}

_ALL = (
    _scan("nifti", sound.write_nifti, "a.nii", headers.nifti1),
    _scan("nifti scaled", sound.write_nifti, "a.nii", headers.nifti1, scaled=True),
    _scan("nifti.gz", sound.write_nifti, "a.nii.gz", headers.nifti1, checksums=True),
    _scan("nifti-2", sound.write_nifti, "a.nii", headers.nifti2, kind=nib.nifti2.Nifti2Image),
    _scan("nifti pair", sound.write_nifti, "a.hdr", headers.nifti1, kind=nib.nifti1.Nifti1Pair),
    _scan("analyze", sound.write_nifti, "a.hdr", headers.analyze, kind=nib.analyze.AnalyzeImage),
    _scan("mgh", sound.write_mgh, "a.mgh", headers.mgh),
    _scan("mgz", sound.write_mgh, "a.mgz", headers.mgh, checksums=True),
    _scan("nrrd", sound.write_itk, "a.nrrd", headers.text_header),
    _scan("nrrd gzip", sound.write_itk, "a.nrrd", headers.text_header, checksums=True, compressed=True),
    _scan("nrrd pair", sound.write_itk, "a.nhdr", headers.text_header),
    _scan("metaimage", sound.write_itk, "a.mha", headers.text_header),
    _scan("metaimage zlib", sound.write_itk, "a.mha", headers.text_header, checksums=True, compressed=True),
    _scan("metaimage pair", sound.write_itk, "a.mhd", headers.text_header),
    _scan("png", sound.write_image, "a.png", headers.png, checksums=True),
    _scan("png 16 bit", sound.write_image, "a.png", headers.png, checksums=True, mode="I;16"),
    _scan("png palette", sound.write_image, "a.png", headers.png, checksums=True, mode="P"),
    _scan("png rgb", sound.write_image, "a.png", headers.png, checksums=True, mode="RGB"),
    Family("png stack", _stack, _of_scan, (headers.png,), change_files, checksums=True),
    _scan("tiff", sound.write_image, "a.tif", headers.tiff, mode="I;16"),
    _scan("tiff lzw", sound.write_image, "a.tif", headers.tiff, compression="tiff_lzw"),
    _scan("tiff deflate", sound.write_image, "a.tif", headers.tiff, compression="tiff_adobe_deflate"),
    _scan("tiff pages", sound.write_pages, "pages.tif", headers.tiff),
    _scan("bmp", sound.write_image, "a.bmp", headers.bmp),
    _scan("jpeg", sound.write_image, "a.jpg"),
    _series("dicom", uid.ExplicitVRLittleEndian),
    *(_series(f"dicom {name}", syntax) for name, syntax in _COMPRESSED.items()),
    _scan("enhanced", sound.write_multi_frame, "a.dcm", change_element),
    *(
        _scan(f"enhanced {name}", sound.write_multi_frame, "a.dcm", change_element, syntax=syntax)
        for name, syntax in _COMPRESSED.items()
    ),
    _scan("opt", sound.write_multi_frame, "a.dcm", change_element, tomography=True),
    _mask("mask nifti", sound.write_nifti, "mask.nii", headers.nifti1),
    _mask("mask png", sound.write_image, "mask.png", headers.png),
    _mask("mask segmentation", sound.write_segmentation_of_series, "mask.dcm", change_element),
    Family(
        "checkpoint",
        lambda folder: sound.write_checkpoint(folder / "model.pt"),
        _of_checkpoint,
        (change_said, change_said, change_said, change_tensors, change_parts),
        checksums=True,
    ),
    Family(
        "datalist",
        lambda folder: sound.write_datalist(folder / "list.json"),
        _of_datalist,
        (_change_json,),
        changed="list.json",
    ),
    Family(
        "list", lambda folder: sound.write_list(folder / "list.txt"), _of_list, (_change_lines,), changed="list.txt"
    ),
)

FAMILIES = {family.name: family for family in _ALL}
