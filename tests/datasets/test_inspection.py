"""Real sets in several layouts, each with one planted fault: that fault is found and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.datasets.inspection import Inspection, inspect_bmad
from monai_sar.datasets.inspection.image_facts import BONE, COLOURED, GREY_AS_RGB
from monai_sar.datasets.inspection.official_counts import BMAD_COUNTS, find_official_counts
from monai_sar.scans.bone_colormap import bone_lut

# layout -> folder of training images, folders of images, folders of masks
LAYOUTS = {
    "A": ("train/good", "{split}/{kind}/img", "{split}/{kind}/label"),
    "B": ("train/good/img", "{split}/{kind}/img", "{split}/{kind}/anomaly_mask"),
    "C": ("train/good", "{split}/img/{kind}", "{split}/label/{kind}"),
}
TRAIN, GOOD, BAD, MASK = (
    "train/good/phantom_0000_s00.png",
    "valid/good/img/phantom_0010_s00.png",
    "valid/Ungood/img/phantom_0011_s00.png",
    "valid/Ungood/label/phantom_0011_s00.png",
)


def picture(seed: int, shape: tuple[int, int] = (12, 10)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def lesion(shape: tuple[int, int] = (12, 10)) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    mask[3:6, 4:7] = 255
    return mask


def save(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_clean_set(root: Path, layout: str = "A") -> Path:
    """Write three training patients, and a normal and an abnormal one in each other split, two slices of each."""
    train, images, masks = LAYOUTS[layout]
    seed = 0
    for first, split in ((0, "train"), (10, "valid"), (20, "test")):
        for patient in range(first, first + (3 if split == "train" else 2)):
            kind = "Ungood" if split != "train" and patient % 10 else "good"
            for number in range(2):
                name = f"phantom_{patient:04d}_s{number:02d}.png"
                folder = train if split == "train" else images.format(split=split, kind=kind)
                save(root / folder / name, picture(seed := seed + 1))
                if kind == "Ungood":
                    save(root / masks.format(split=split, kind=kind) / name, lesion())
    return root


def found(inspection: Inspection) -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in inspection.findings]


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


def test_kinds_of_pixels_sizes_and_formats_are_counted(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    train = root / "train/good"
    save(train / "phantom_0000_s00.png", picture(50).astype(np.uint16) * 257)
    save(train / "phantom_0000_s01.png", bone_lut()[picture(51)])
    save(train / "phantom_0001_s00.png", np.repeat(picture(52)[..., None], 3, axis=-1))
    save(train / "phantom_0001_s01.png", picture(53, (7, 9)))
    (train / "phantom_0002_s00.png").unlink()
    Image.fromarray(picture(54)).save(train / "phantom_0002_s00.tif")
    (train / "phantom_0002_s01.png").unlink()
    Image.fromarray(picture(55) > 127).save(train / "phantom_0002_s01.bmp")
    place = inspect_bmad(root).places[0]
    assert place.pixels == {
        "8-bit grey": 2,
        "16-bit grey": 1,
        BONE: 1,
        GREY_AS_RGB: 1,
        "1-bit grey": 1,
    }
    assert COLOURED not in place.pixels
    assert place.sizes == {"12 x 10": 5, "7 x 9": 1}
    assert place.formats == {"PNG": 4, "TIFF": 1, "BMP": 1}


def test_pictures_that_differ_in_one_level_or_in_shape_are_no_copies(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    pixels = np.asarray(Image.open(root / TRAIN)).copy()
    save(root / "test/good/img/phantom_0020_s08.png", pixels.reshape(10, 12))
    pixels[0, 0] ^= 1
    save(root / "test/good/img/phantom_0020_s09.png", pixels)
    assert found(inspect_bmad(root)) == []


def test_normal_and_abnormal_slices_of_a_patient_in_one_split_are_fine(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    save(root / "valid/good/img/phantom_0011_s07.png", picture(60))
    assert found(inspect_bmad(root)) == []


def test_many_shared_patients_are_counted_after_five(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    for patient in range(30, 37):
        save(root / f"train/good/phantom_{patient:04d}_s00.png", picture(100 + patient))
        save(root / f"test/good/img/phantom_{patient:04d}_s01.png", picture(200 + patient))
    (finding,) = inspect_bmad(root).findings
    assert finding.code == "patient-in-train-and-test"
    assert "both train and test: 7 (phantom_0030, " in finding.message
    assert "phantom_0034, ...)" in finding.message
    assert "phantom_0035" not in finding.message
    assert len(finding.files) == 14


def test_a_manifest_alone_tells_the_patients(tmp_path: Path) -> None:
    root = write_clean_set(tmp_path)
    images = [p for p in sorted(root.rglob("*.png")) if "label" not in p.parts]
    rows = [f"{image.relative_to(root).as_posix()},p{index}" for index, image in enumerate(images)]
    (root / "manifest.csv").write_text("\n".join(["file,patient", *rows]), encoding="utf-8")
    inspection = inspect_bmad(root)
    assert found(inspection) == []
    assert inspection.patients_told_by == {"manifest.csv": 14}
    assert sum(place.patients for place in inspection.places) == 14

    # the names tell different patients, the manifest one; a row too many and one too few
    rows = [row.rpartition(",")[0] + ",same" for row in rows[1:]] + ["gone.png,same"]
    (root / "manifest.csv").write_text("\n".join(["file,patient", *rows]), encoding="utf-8")
    assert found(inspect_bmad(root)) == [
        ("error", "patient-in-train-and-valid"),
        ("error", "patient-in-train-and-test"),
        ("error", "patient-in-valid-and-test"),
        ("warning", "manifest-lacks-image"),
        ("warning", "manifest-lists-missing"),
        ("note", "patient-unknown"),
    ]


@pytest.mark.parametrize("name", BMAD_COUNTS)
def test_official_counts_are_recognised_and_near_ones_compared(name: str) -> None:
    counts = dict(BMAD_COUNTS[name])
    (finding,) = find_official_counts(counts)
    assert (finding.severity, finding.message) == ("note", f"found the counts of {name}.")
    counts["test", "Ungood"] -= 1
    (finding,) = find_official_counts(counts)
    assert finding.severity == "warning"
    assert f"test/Ungood {counts['test', 'Ungood']} instead of {counts['test', 'Ungood'] + 1}" in finding.message
    assert find_official_counts({place: number + 1 for place, number in counts.items()}) == []
    assert find_official_counts({}) == []


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
