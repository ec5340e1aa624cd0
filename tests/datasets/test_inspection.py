"""Real sets in several layouts, each with one planted fault: that fault is found and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.inspection import inspect_bmad
from monai_sar.scans.bone_colormap import bone_lut
from tests.datasets.clean_set import BAD, GOOD, LAYOUTS, MASK, TRAIN, found, lesion, picture, save, write_clean_set


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_clean_set_has_no_findings_in_any_layout(tmp_path: Path, layout: str) -> None:
    inspection = inspect_bmad(write_clean_set(tmp_path, layout))
    assert inspection.layout.name == layout
    assert found(inspection) == []
    assert inspection.patients_told_by == {"phantoms": 14}
    summary = {f"{place.split}/{place.kind}": place for place in inspection.places}
    assert list(summary) == ["train/good", "valid/good", "valid/Ungood", "test/good", "test/Ungood"]
    assert [place.images for place in inspection.places] == [6, 2, 2, 2, 2]
    assert [place.patients for place in inspection.places] == [3, 1, 1, 1, 1]
    assert [place.masks for place in inspection.places] == [0, 0, 2, 0, 2]
    for place in inspection.places:
        assert place.sizes == {"12 x 10": place.images}
        assert place.pixels == {"8-bit grey": place.images}
        assert place.formats == {"PNG": place.images}
        assert (place.lossy, place.masks_empty, place.patient_unknown) == (0, 0, 0)
    json.dumps(inspection.to_dict())


def copy(source: str, destination: str) -> Callable[[Path], object]:
    def plant(root: Path) -> object:
        (root / destination).parent.mkdir(parents=True, exist_ok=True)
        return shutil.copy(root / source, root / destination)

    return plant


def rgb_of(source: str, destination: str) -> Callable[[Path], object]:
    """The same picture as RGBA PNG under another name: other bytes, other file type."""
    return lambda root: Image.open(root / source).convert("RGBA").save(root / destination)


def bone_of(source: str, destination: str) -> Callable[[Path], object]:
    return lambda root: save(root / destination, bone_lut()[np.asarray(Image.open(root / source))])


FAULTS: dict[str, tuple[Callable[[Path], object], str, str, list[str]]] = {
    "damaged image": (
        lambda root: (root / TRAIN).write_bytes((root / TRAIN).read_bytes()[:60]),
        "error",
        "image-unreadable",
        [TRAIN],
    ),
    "empty file": (lambda root: (root / GOOD).write_bytes(b""), "error", "image-unreadable", [GOOD]),
    "braces in the reason": (
        lambda root: (
            (root / "train/good/phantom_0000_s{0}.png").write_bytes(b"x")
            and (root / "manifest.csv").write_text(
                "file,patient\n"
                + "".join(f"{p.relative_to(root).as_posix()},{p.stem[:12]}\n" for p in root.rglob("*.png"))
            )
        ),
        "error",
        "image-unreadable",
        ["train/good/phantom_0000_s{0}.png"],
    ),
    "black image": (
        lambda root: save(root / TRAIN, np.zeros((12, 10), np.uint8)),
        "warning",
        "image-constant",
        [TRAIN],
    ),
    "two black images are no copies": (
        lambda root: [save(root / path, np.zeros((12, 10), np.uint8)) for path in (TRAIN, GOOD)],
        "warning",
        "image-constant",
        [TRAIN, GOOD],
    ),
    "coloured image": (
        lambda root: save(root / TRAIN, np.random.default_rng(1).integers(0, 256, (12, 10, 3), np.uint8)),
        "warning",
        "image-coloured",
        [TRAIN],
    ),
    "JPEG under the name of a PNG": (
        lambda root: Image.fromarray(picture(99)).save(root / TRAIN, format="JPEG"),
        "note",
        "image-lossy",
        [TRAIN],
    ),
    "damaged mask": (
        lambda root: (root / MASK).write_bytes((root / MASK).read_bytes()[:50]),
        "error",
        "mask-unreadable",
        [MASK],
    ),
    "JPEG mask of 0 and 1": (
        lambda root: Image.fromarray(lesion() // 255).save(root / MASK, format="JPEG", quality=100),
        "error",
        "mask-unreadable",
        [MASK],
    ),
    "mask of another size": (lambda root: save(root / MASK, lesion((10, 12))), "error", "mask-size", [MASK]),
    "lesion in a normal image": (
        lambda root: save(root / "valid/good/label/phantom_0010_s00.png", lesion()),
        "error",
        "mask-of-good",
        ["valid/good/label/phantom_0010_s00.png"],
    ),
    "empty mask": (lambda root: save(root / MASK, np.zeros((12, 10), np.uint8)), "warning", "mask-empty", [MASK]),
    "mask of classes": (
        lambda root: save(root / MASK, np.maximum(lesion(), np.eye(12, 10, dtype=np.uint8))),
        "note",
        "mask-levels",
        [MASK],
    ),
    "missing mask": (lambda root: (root / MASK).unlink(), "error", "files", []),
    "unpaired mask": (copy(MASK, "valid/Ungood/label/phantom_0011_s09.png"), "error", "files", []),
    "abnormal image in train": (
        lambda root: save(root / "train/Ungood/phantom_0003_s00.png", picture(98)),
        "error",
        "files",
        [],
    ),
    "image elsewhere": (
        lambda root: save(root / "extra/x.png", picture(97)),
        "warning",
        "image-misplaced",
        ["extra/x.png"],
    ),
    "no test split": (lambda root: shutil.rmtree(root / "test"), "warning", "split-empty", []),
    "picture twice in a split": (
        copy(TRAIN, "train/good/phantom_0001_s09.png"),
        "warning",
        "picture-twice",
        [TRAIN, "train/good/phantom_0001_s09.png"],
    ),
    "picture in two splits": (
        copy(TRAIN, "test/good/img/phantom_0020_s09.png"),
        "error",
        "picture-in-two-splits",
        [TRAIN, "test/good/img/phantom_0020_s09.png"],
    ),
    "picture in two splits as RGBA": (
        rgb_of(TRAIN, "test/good/img/phantom_0020_s09.png"),
        "error",
        "picture-in-two-splits",
        [TRAIN, "test/good/img/phantom_0020_s09.png"],
    ),
    "picture in two splits in bone colours": (
        bone_of(TRAIN, "valid/good/img/phantom_0010_s09.png"),
        "error",
        "picture-in-two-splits",
        [TRAIN, "valid/good/img/phantom_0010_s09.png"],
    ),
    "picture in two splits as TIFF": (
        lambda root: Image.open(root / TRAIN).save(root / "valid/good/img/phantom_0010_s09.tif"),
        "error",
        "picture-in-two-splits",
        [TRAIN, "valid/good/img/phantom_0010_s09.tif"],
    ),
    "picture in both classes": (
        copy(BAD, "valid/good/img/phantom_0010_s09.png"),
        "error",
        "picture-in-two-classes",
        ["valid/good/img/phantom_0010_s09.png", BAD],
    ),
    "patient in train and test": (
        lambda root: save(root / "test/good/img/phantom_0000_s09.png", picture(96)),
        "error",
        "patient-in-train-and-test",
        [TRAIN, "train/good/phantom_0000_s01.png", "test/good/img/phantom_0000_s09.png"],
    ),
    "patient in valid and test": (
        lambda root: save(root / "test/good/img/phantom_0011_s09.png", picture(96)),
        "error",
        "patient-in-valid-and-test",
        [BAD, "valid/Ungood/img/phantom_0011_s01.png", "test/good/img/phantom_0011_s09.png"],
    ),
    "unknown patient": (
        lambda root: save(root / "train/good/slice_07.png", picture(95)),
        "note",
        "patient-unknown",
        ["train/good/slice_07.png"],
    ),
    "unusable manifest": (lambda root: (root / "manifest.csv").write_text("a,b\n"), "error", "manifest-unusable", []),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_nothing_else(tmp_path: Path, fault: str) -> None:
    plant, severity, code, files = FAULTS[fault]
    root = write_clean_set(tmp_path / "set")
    plant(root)
    inspection = inspect_bmad(root)
    expected = [(severity, code)]
    if code == "manifest-unusable":
        expected.append(("note", "patient-unknown"))  # nothing tells them now
    assert found(inspection) == expected
    finding = inspection.findings[0]
    assert list(finding.files) == files
    assert "found" in finding.message
    assert "expected" in finding.message
    for name in [*files[:1], *files[-1:]]:
        assert name in finding.message
    assert inspection.count("error") == (severity == "error")


@pytest.mark.parametrize("layout", ["B", "C"])
def test_masks_are_held_against_their_images_in_other_layouts(tmp_path: Path, layout: str) -> None:
    root = write_clean_set(tmp_path, layout)
    mask = LAYOUTS[layout][2].format(split="test", kind="Ungood") + "/phantom_0021_s01.png"
    save(root / mask, np.zeros((12, 10), np.uint8))
    inspection = inspect_bmad(root)
    assert [(finding.code, finding.files) for finding in inspection.findings] == [("mask-empty", (mask,))]
    assert [place.masks_empty for place in inspection.places] == [0, 0, 0, 0, 1]


def test_layout_c_with_masks_of_both_classes_in_one_folder(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path, "C")
    for split in ("valid", "test"):
        for mask in list((root / split / "label" / "Ungood").iterdir()):
            mask.rename(root / split / "label" / mask.name)
        (root / split / "label" / "Ungood").rmdir()
    assert found(inspect_bmad(root)) == []
    save(root / "valid/label/phantom_0010_s01.png", lesion())
    assert found(inspect_bmad(root)) == [("error", "mask-of-good")]


def test_layout_f_has_no_valid_split_and_that_is_said(tmp_path: Path) -> None:
    for number, (folder, patient) in enumerate((("train/good", 1), ("test/good", 2), ("test/Ungood", 3))):
        save(tmp_path / folder / f"phantom_000{patient}_s00.png", picture(number))
    save(tmp_path / "ground_truth/Ungood/phantom_0003_s00.png", lesion())
    inspection = inspect_bmad(tmp_path)
    assert inspection.layout.name == "F"
    assert found(inspection) == [("warning", "split-empty")]
    assert "layout A" in inspection.findings[0].message


def test_pictures_that_differ_in_one_level_or_in_shape_are_no_copies(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    pixels = np.asarray(Image.open(root / TRAIN)).copy()
    save(root / "test/good/img/phantom_0020_s08.png", pixels.reshape(10, 12))
    pixels[0, 0] ^= 1
    save(root / "test/good/img/phantom_0020_s09.png", pixels)
    assert found(inspect_bmad(root)) == []


def test_no_folder_and_no_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        inspect_bmad(tmp_path / "absent")
    save(tmp_path / "some" / "x.png", picture(0))
    with pytest.raises(DatasetError, match="expected one of the BMAD layouts"):
        inspect_bmad(tmp_path)


@pytest.mark.parametrize(
    ("name", "findings", "shared"),
    [
        ("brain_mri", [], []),
        ("liver_ct", [("error", "patient-in-valid-and-test")], ["btcv_c15", "btcv_c16", "btcv_c17", "ircad17"]),
        (
            "retinal_oct",
            [("error", "patient-in-valid-and-test"), ("note", "image-lossy"), ("note", "patient-unknown")],
            ["Kermany-15208", "Kermany-2038", "Kermany-33350", "healthy3"],
        ),
    ],
)
def test_real_sets(
    name: str, findings: list[tuple[str, str]], shared: list[str], outside: Callable[[str], Path]
) -> None:
    inspection = inspect_bmad(outside(f"data/bmad/{name}"))
    assert found(inspection) == findings
    assert not shared or f"({', '.join(shared)})" in inspection.findings[0].message
