"""RESC in BMAD's folders: the challenge's sets, the right frames and patients."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.prepare import PrepareReport, prepare_resc
from tests.prepare.raw_sets import Array, check_prepared, read_png, write_resc

Prepared = tuple[Path, Path, dict[str, tuple[Array, Array]], PrepareReport, str]
CUBE = "P1830_MacularCube512x128_9-3-2013_8-18-29_OS_sn9_cube_z"
VALIDATION = "ai_challenger_fl2018_validationset/Edema_validationset"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    raw, output = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("out") / "retinal_oct"
    cubes = write_resc(raw)
    logger = logging.getLogger("monai_sar.prepare.resc")
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    report = prepare_resc(raw, output)
    logger.removeHandler(handler)
    return raw, output, cubes, report, "\n".join(messages)


def test_the_data_set_is_bmad_and_its_manifest_true(prepared: Prepared) -> None:
    raw, output, _, report, _ = prepared
    rows = check_prepared(output, [raw])
    assert report.failed == ()
    assert report.written == 7
    assert report.patients == {"train": 3, "valid": 1, "test": 2}
    assert report.slices["train", "good"] == 3 * 8
    assert report.slices["valid", "Ungood"] + report.slices["test", "Ungood"] == 4 * 3
    for row in rows:
        assert ("trainingset" in row["source"]) == (row["split"] == "train")


def test_frames_are_as_stored_and_any_lesion_is_ungood(prepared: Prepared) -> None:
    raw, output, cubes, _, _ = prepared
    for row in check_prepared(output, [raw]):
        cube, _, number = Path(row["file"]).stem.rpartition("_")
        images, labels = cubes[cube]
        index = int(row["slice"])
        assert index == int(number) - 1
        assert Path(row["source"]).name == f"{number}.bmp"
        pixels = read_png(output / row["file"])
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, images[index])
        assert (row["class"] == "Ungood") == (index in (2, 3, 9))
        if row["class"] == "Ungood":
            mask = read_png(output / row["file"].replace("/img/", "/label/"))
            np.testing.assert_array_equal(mask, np.where(labels[index] > 0, 255, 0))


def test_a_patient_of_both_official_sets_is_not_trained_on(prepared: Prepared) -> None:
    raw, output, _, _, messages = prepared
    of_patient = {row["split"] for row in check_prepared(output, [raw]) if row["patient"] == "RESC-PC010"}
    assert of_patient in ({"valid"}, {"test"})
    assert "left out 2 training volumes" in messages
    assert messages.count("PC010_") == 2


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("value", rf"label_images/{CUBE}_labelMark/4.bmp: holds 48 x 24 pixels from 7 to 7"),
        ("size", rf"{CUBE}_labelMark/4.bmp: holds 47 x 24 pixels .* expected 48 x 24 as 4.bmp"),
        ("lost label", rf"{CUBE}.img: has 11 frames .* of which 10 have a label"),
        ("no labels", rf"{CUBE}.img: has 11 frames .* of which 0 have a label"),
        ("damaged", rf"{CUBE}.img/4.bmp: found \d+ bytes that cannot be read"),
    ],
)
def test_a_wrong_cube_is_named_and_the_others_are_written(edit: str, message: str, tmp_path: Path) -> None:
    write_resc(tmp_path / "raw")
    folder = tmp_path / "raw" / VALIDATION
    label = folder / "label_images" / f"{CUBE}_labelMark" / "4.bmp"
    if edit in ("value", "size"):
        Image.fromarray(np.full((48 if edit == "value" else 47, 24), 7 if edit == "value" else 0, np.uint8)).save(label)
    elif edit == "lost label":
        label.unlink()
    elif edit == "no labels":
        label.parent.rename(tmp_path / "elsewhere")
    else:
        frame = folder / "original_images" / f"{CUBE}.img" / "4.bmp"
        frame.write_bytes(frame.read_bytes()[:500])
    report = prepare_resc(tmp_path / "raw", tmp_path / "out")
    assert len(report.failed) == 1
    assert re.search(message, report.failed[0]), report.failed[0]
    assert report.written == 6
    assert not list((tmp_path / "out").rglob(f"{CUBE}_*"))


def test_a_missing_official_set_is_named(tmp_path: Path) -> None:
    write_resc(tmp_path / "raw")
    (tmp_path / "raw" / VALIDATION).rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="found no Edema_validationset"):
        prepare_resc(tmp_path / "raw", tmp_path / "out")
    assert not (tmp_path / "out").exists()
