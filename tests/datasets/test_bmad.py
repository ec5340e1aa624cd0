"""Layouts found by their folders, masks paired by name, and an error for whatever does not fit."""

import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_sar.datasets.bmad import (
    DatasetError,
    find_bmad_layout,
    find_bmad_problems,
    load_bmad_datalist,
)
from monai_sar.datasets.bmad_layouts import CLASSES, LAYOUTS, SPLITS, Split
from monai_sar.scans.stored_image import read_stored_image
from monai_sar.scans.stored_mask import read_stored_mask

# variant -> (letter, folder of training images, folders of images, folders of masks)
VARIANTS = {
    "A": ("A", "train/good", "{split}/{kind}/img", "{split}/{kind}/label"),
    "A with train/good/img": ("A", "train/good/img", "{split}/{kind}/img", "{split}/{kind}/label"),
    "B": ("B", "train/good/img", "{split}/{kind}/img", "{split}/{kind}/anomaly_mask"),
    "B with flat train": ("B", "train/good", "{split}/{kind}/img", "{split}/{kind}/anomaly_mask"),
    "C": ("C", "train/good", "{split}/img/{kind}", "{split}/label/{kind}"),
    "C with flat masks": ("C", "train/good", "{split}/img/{kind}", "{split}/label"),
    "D": ("D", "Train/train/good", "{Split}/{split}/{kind}", "{Split}/{split}_label/{kind}"),
    "E": ("E", "train/good", "{split}/{kind}/img", "{split}/{kind}/label"),
    "F": ("F", "train/good", "{split}/{kind}", "ground_truth/{kind}"),
    "G": ("G", "train/good", "{split}/{flat}", "{split}/{kind}/label"),
}
SPELLING = {"D": {"valid": "val"}, "E": {"valid": "val", "Ungood": "ungood"}}


def write_png(path: Path, value: int = 7) -> Path:
    """Write a 2 x 3 image of one grey value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((2, 3), value, np.uint8)).save(path)
    return path


def write_dataset(root: Path, variant: str, *, splits: Iterable[Split] = SPLITS) -> Path:
    """Write 3 good training images and, in each other split, 2 good and 3 abnormal ones with masks."""
    letter, train, images, masks = VARIANTS[variant]
    spelling = SPELLING.get(letter, {})
    if "train" in splits:
        for name in ("t2", "t1", "t3"):
            write_png(root / train / f"{name}.png")
    for split in splits:
        if split == "train" or (letter == "F" and split == "valid"):
            continue
        for kind, names in (("good", ("g1", "g2")), ("Ungood", ("u3", "u1", "u2"))):
            word = spelling.get(split, split)
            fill = {"split": word, "Split": word.capitalize(), "kind": spelling.get(kind, kind)}
            fill["flat"] = kind if kind == "good" else f"{kind}/img"
            for name in names:
                write_png(root / images.format(**fill) / f"{name}.png")
                if kind == "Ungood":
                    write_png(root / masks.format(**fill) / f"{name}.png", 255)
    return root


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_layout_is_found_by_its_folders_and_read_the_same(tmp_path: Path, variant: str) -> None:
    root = write_dataset(tmp_path / "any_name", variant)
    layout = find_bmad_layout(root)
    assert layout.name == VARIANTS[variant][0]
    assert layout.unused == ()
    assert layout.counts["train"] == {"good": 3, "Ungood": 0}
    assert layout.counts["test"] == {"good": 2, "Ungood": 3}
    assert layout.counts["valid"] == ({"good": 0, "Ungood": 0} if variant == "F" else {"good": 2, "Ungood": 3})

    train = load_bmad_datalist(root, "train")
    assert [Path(item["image"]).stem for item in train] == ["t1", "t2", "t3"]
    assert all(item["abnormal"] == 0 and item["label"] is None for item in train)
    for split in SPLITS[2:] if variant == "F" else SPLITS[1:]:
        items = load_bmad_datalist(root, split)
        assert [Path(item["image"]).stem for item in items] == ["g1", "g2", "u1", "u2", "u3"]
        assert [item["abnormal"] for item in items] == [0, 0, 1, 1, 1]
        assert {item["split"] for item in items} == {split}
        for item in items:
            assert Path(item["image"]).is_file()
            if item["abnormal"]:
                assert item["label"] is not None
                assert Path(item["label"]).is_file()
                assert item["label"] != item["image"]
            else:
                assert item["label"] is None


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_name_of_the_folder_plays_no_part(tmp_path: Path, variant: str) -> None:
    names = {find_bmad_layout(write_dataset(tmp_path / name, variant)).name for name in ("liver", "D", "x")}
    assert names == {VARIANTS[variant][0]}


def test_the_table_names_each_letter_once() -> None:
    assert sorted(layout.name for layout in LAYOUTS) == list("ABCDEFG")


def test_masks_pair_by_name_whatever_the_order(tmp_path: Path) -> None:
    # one folder for the masks of both classes, so that positions among images and among masks differ; mask k
    # has k lesion pixels and image k the grey value k
    for kind, numbers in (("good", (5, 1, 3)), ("Ungood", (6, 2, 4))):
        for number in numbers:
            write_png(tmp_path / f"test/img/{kind}/{number}.jpg", number)
    for number in (6, 4, 3, 2):
        mask = np.zeros(6, np.uint8)
        mask[:number] = 255
        Image.fromarray(mask.reshape(2, 3)).save(write_png(tmp_path / f"test/label/{number}.png"))
    items = load_bmad_datalist(tmp_path, "test")
    labels = [item["label"] and Path(item["label"]).name for item in items]
    assert labels == [None, "2.png", "3.png", "4.png", None, "6.png"]
    for item in items:
        if item["label"]:
            number = int(read_stored_image(item["image"]).pixels.max())
            assert int(read_stored_mask(item["label"]).lesion.sum()) == number


def test_extensions_in_any_case_and_no_hidden_files(tmp_path: Path) -> None:
    folder = tmp_path / "train/good"
    names = ["a.png", "b.JPG", "c.jpeg", "d.TIF", "e.tiff", "f.BMP"]
    for name in names:
        write_png(folder / name)
    for name in ("._a.png", "Thumbs.db", ".DS_Store", "notes.txt"):
        (folder / name).write_bytes(b"not an image")
    assert [Path(item["image"]).name for item in load_bmad_datalist(tmp_path, "train")] == names


def test_classes_restrict_what_is_listed(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, "C with flat masks")
    assert [item["abnormal"] for item in load_bmad_datalist(root, "test", classes=("good",))] == [0, 0]
    assert [item["abnormal"] for item in load_bmad_datalist(root, "test", classes=("Ungood",))] == [1, 1, 1]


def test_layout_and_counts_are_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_dataset(tmp_path, "B")
    with caplog.at_level(logging.INFO, logger="monai_sar.datasets.bmad"):
        for split in SPLITS:
            load_bmad_datalist(root, split)
    [record] = caplog.records
    assert record.name == "monai_sar.datasets.bmad"
    message = record.getMessage()
    assert "layout B" in message
    assert "train 3 good + 0 Ungood, valid 2 good + 3 Ungood, test 2 good + 3 Ungood" in message


def test_images_in_unknown_places_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_dataset(tmp_path, "A")
    write_png(root / "test/Ungod/img/u9.png")
    load_bmad_datalist(root, "test")
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "test/Ungod/img/u9.png" in warning


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere: found no such folder"):
        load_bmad_datalist(tmp_path / "nowhere", "train")


def test_unknown_layout_tells_what_is_there_and_what_is_known(tmp_path: Path) -> None:
    write_png(tmp_path / "patients/x.png")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DatasetError) as error:
        find_bmad_layout(tmp_path)
    message = str(error.value)
    assert "found notes.txt, patients/" in message
    assert all(layout.picture in message for layout in LAYOUTS)


def test_the_one_folder_below_that_holds_a_layout_is_named(tmp_path: Path) -> None:
    write_dataset(tmp_path / "download" / "hist_DIY", "D")
    with pytest.raises(DatasetError, match=r"One folder below .*hist_DIY \(layout D\) instead"):
        find_bmad_layout(tmp_path)
    write_dataset(tmp_path / "brain", "F")
    with pytest.raises(DatasetError, match=r"Several folders below .*brain \(layout F\), .*hist_DIY"):
        find_bmad_layout(tmp_path)


def test_abnormal_images_without_mask_are_counted_and_five_named(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, "A")
    for number in range(7):
        write_png(root / f"test/Ungood/img/v{number}.png")
    with pytest.raises(DatasetError, match="7 abnormal images without a mask") as error:
        load_bmad_datalist(root, "test")
    assert [f"v{number}.png" in str(error.value) for number in range(7)] == [True] * 5 + [False] * 2
    assert load_bmad_datalist(root, "test", classes=("good",))
    assert load_bmad_datalist(root, "valid")


@pytest.mark.parametrize("variant", ["A", "B", "C", "C with flat masks", "D", "E", "F"])
def test_a_mask_of_another_name_is_an_error_on_both_sides(tmp_path: Path, variant: str) -> None:
    root = write_dataset(tmp_path, variant)
    layout = find_bmad_layout(root)
    mask = next(mask for place, masks in layout.masks.items() if place[0] == "test" for mask in masks)
    mask.rename(mask.with_stem(f"{mask.stem}_mask"))
    with pytest.raises(DatasetError) as error:
        load_bmad_datalist(root, "test")
    assert "1 masks without an image" in str(error.value)
    assert "1 abnormal images without a mask" in str(error.value)


def test_empty_split(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, "F")
    with pytest.raises(DatasetError, match=r"split valid: found no good or Ungood images.*layout F"):
        load_bmad_datalist(root, "valid")


def test_two_images_of_one_name(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, "A")
    write_png(root / "test/Ungood/img/u1.jpg")
    with pytest.raises(DatasetError, match="2 images that share a name") as error:
        load_bmad_datalist(root, "test")
    assert "u1.jpg, test/Ungood/img/u1.png" in str(error.value)


def test_two_masks_of_one_name(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, "B")
    write_png(root / "valid/Ungood/anomaly_mask/u2.bmp")
    with pytest.raises(DatasetError, match="2 masks that share a name"):
        load_bmad_datalist(root, "valid")


def test_one_name_in_both_classes_is_an_error_only_where_they_share_masks(tmp_path: Path) -> None:
    apart = write_dataset(tmp_path / "apart", "C")
    write_png(apart / "test/img/good/u1.png")
    assert len(load_bmad_datalist(apart, "test")) == 6
    shared = write_dataset(tmp_path / "shared", "C with flat masks")
    write_png(shared / "test/img/good/u1.png")
    with pytest.raises(DatasetError, match="2 images that share a name"):
        load_bmad_datalist(shared, "test")


def test_abnormal_images_in_the_train_split(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, "A")
    write_png(root / "train/Ungood/x.png")
    with pytest.raises(DatasetError, match=r"1 abnormal images .*expected normal images alone"):
        load_bmad_datalist(root, "train")
    assert len(load_bmad_datalist(root, "train", classes=("good",))) == 3


def test_problems_of_a_sound_split_are_none(tmp_path: Path) -> None:
    layout = find_bmad_layout(write_dataset(tmp_path, "A"))
    assert [find_bmad_problems(layout, split) for split in SPLITS] == [[], [], []]


@pytest.mark.parametrize(("split", "classes"), [("tset", CLASSES), ("test", ("bad",))])
def test_unknown_split_or_class(tmp_path: Path, split: Split, classes: tuple[str, ...]) -> None:
    write_dataset(tmp_path, "A")
    with pytest.raises(ValueError, match=r"(?i)available options"):
        load_bmad_datalist(tmp_path, split, classes=classes)  # type: ignore[arg-type]


def write_meta_json(root: Path, path: Path) -> dict[str, dict[str, list[dict[str, object]]]]:
    """Write the list of files of a layout F data set, and return it."""
    meta: dict[str, dict[str, list[dict[str, object]]]] = {}
    for split in ("train", "test"):
        meta[split] = {"another": [{"img_path": f"another/{split}/good/y.png", "mask_path": "", "anomaly": 0}]}
        meta[split][root.name] = [
            {
                "img_path": image.relative_to(root.parent).as_posix(),
                "mask_path": f"{root.name}/ground_truth/Ungood/{image.name}" if kind == "Ungood" else "",
                "anomaly": int(kind == "Ungood"),
            }
            for kind in CLASSES
            for image in sorted((root / split / kind).glob("*.png"))
        ]
    path.write_text(json.dumps(meta))
    return meta


@pytest.mark.parametrize("place", ["meta.json", "../meta.json"])
def test_meta_json_that_agrees(tmp_path: Path, place: str) -> None:
    root = write_dataset(tmp_path / "brain", "F")
    write_meta_json(root, (root / place).resolve())
    assert len(load_bmad_datalist(root, "train")) == 3
    assert len(load_bmad_datalist(root, "test")) == 5


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("img_path", "brain/test/Ungood/u9.png", "lists images that are not there: 1, such as Ungood/u9.png"),
        (
            "img_path",
            "brain/test/Ungood/u9.png",
            "does not list images that are there: 1, such as Ungood/u3.png",
        ),
        ("anomaly", 0, "calls images of the other class: 1, such as Ungood/u3.png"),
        ("mask_path", "brain/ground_truth/Ungood/u2.png", "gives images the mask of another name: 1"),
        ("anomaly", None, "is not this layout's list of files"),
    ],
)
def test_meta_json_that_contradicts_the_files(tmp_path: Path, key: str, value: object, complaint: str) -> None:
    root = write_dataset(tmp_path / "brain", "F")
    meta = write_meta_json(root, tmp_path / "meta.json")
    last = meta["test"]["brain"][-1]
    if value is None:
        del last[key]
    else:
        last[key] = value
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(DatasetError) as error:
        load_bmad_datalist(root, "test")
    assert complaint in str(error.value)
    assert len(load_bmad_datalist(root, "train")) == 3


def test_meta_json_that_is_not_json(tmp_path: Path) -> None:
    root = write_dataset(tmp_path, "F")
    (root / "meta.json").write_text("{")
    with pytest.raises(DatasetError, match="is not this layout's list of files"):
        load_bmad_datalist(root, "test")


@pytest.mark.parametrize(
    ("name", "letter", "counts", "good_masks"),
    [
        ("brain_mri", "B", {"train": (930, 0), "valid": (76, 116), "test": (78, 91)}, False),
        ("liver_ct", "A", {"train": (691, 0), "valid": (92, 16), "test": (95, 16)}, True),
        ("retinal_oct", "C", {"train": (188, 0), "valid": (37, 21), "test": (33, 29)}, False),
    ],
)
def test_real_data_sets(
    name: str,
    letter: str,
    counts: dict[Split, tuple[int, int]],
    good_masks: bool,
    outside: Callable[[str], Path],
) -> None:
    folder = outside(f"data/bmad/{name}")
    layout = find_bmad_layout(folder)
    assert layout.name == letter
    assert layout.unused == ()
    for split, (good, abnormal) in counts.items():
        items = load_bmad_datalist(folder, split)
        assert [len(items), sum(item["abnormal"] for item in items)] == [good + abnormal, abnormal]
        normals = [item for item in items if not item["abnormal"]]
        assert {item["label"] is not None for item in normals} == {good_masks and split != "train"}
        for item in items[:: max(1, len(items) // 10)]:
            if item["label"] is not None:
                lesion = read_stored_mask(item["label"]).lesion
                assert read_stored_image(item["image"]).pixels.shape[:2] == lesion.shape
                assert bool(lesion.any()) == bool(item["abnormal"])
