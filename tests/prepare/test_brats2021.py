"""BraTS 2021 in BMAD's folders: the right slices, values, sides and patients."""

import logging
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from monai_sar.datasets.bmad_folder import DatasetError
from monai_sar.prepare import PrepareReport, prepare_brats2021
from monai_sar.scans.stored_image import grey_values, read_stored_image
from monai_sar.scans.stored_mask import read_stored_mask
from tests.prepare.raw_sets import (
    Array,
    check_prepared,
    digests,
    read_png,
    save_displayed,
    stored_slice,
    write_brats,
)

Prepared = tuple[Path, Path, dict[str, tuple[Array, Array]], PrepareReport]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    raw, output = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("out") / "brain_mri"
    displayed = write_brats(raw)
    return raw, output, displayed, prepare_brats2021(raw, output)


def number_and_slice(file: str) -> tuple[str, int]:
    number, index = Path(file).stem.split("_")
    return number, int(index)


def test_the_data_set_is_bmad_and_its_manifest_true(prepared: Prepared) -> None:
    raw, output, displayed, report = prepared
    rows = check_prepared(output, [raw])
    assert report.failed == ()
    assert report.written == len(displayed) == 14
    assert report.patients == {"train": 12, "valid": 1, "test": 1}
    # of 41 slices 28 show tumour: 60 to 63 and 66 to 89
    assert report.slices["train", "good"] == 12 * 13
    assert report.slices["test", "good"] == report.slices["valid", "good"] == 13
    assert report.slices["test", "Ungood"] == report.slices["valid", "Ungood"] == 28
    assert sum(report.slices.values()) == len(rows)


def test_a_slice_is_the_volume_on_one_scale_as_displayed(prepared: Prepared) -> None:
    raw, output, displayed, _ = prepared
    for row in check_prepared(output, [raw]):
        number, _ = number_and_slice(row["file"])
        flair, seg = displayed[number]
        stored = stored_slice(raw / row["source"], int(row["slice"]))
        k = next(k for k in range(60, 101) if sorted(flair[..., k].ravel()) == sorted(stored.ravel()))
        pixels = read_png(output / row["file"])
        assert pixels.dtype == np.uint16
        np.testing.assert_allclose(pixels, flair[..., k] * (65535 / flair.max()), atol=1)
        if row["class"] == "Ungood":
            mask = read_png(output / row["file"].replace("/img/", "/label/"))
            np.testing.assert_array_equal(mask, np.where(seg[..., k] > 0, 255, 0))
            assert mask.dtype == np.uint8
        else:
            assert not seg[..., k].any()


def test_slices_60_to_100_are_counted_from_the_base(prepared: Prepared) -> None:
    raw, output, _, _ = prepared
    rows = [row for row in check_prepared(output, [raw]) if row["split"] == "test"]
    assert sorted(int(row["slice"]) for row in rows) in (list(range(60, 101)), list(range(3, 44)))
    assert all(number_and_slice(row["file"])[1] == int(row["slice"]) for row in rows)


@pytest.mark.parametrize("axes", ["LPS", "RAI", "SRA", "PIL"])
def test_right_front_and_base_are_where_a_radiologist_sees_them(axes: str, tmp_path: Path) -> None:
    write_brats(tmp_path / "raw", 3)
    flair = np.zeros((18, 14, 104), np.int16)
    flair[2, 3, 70] = 500  # in front, on the patient's right
    seg = np.zeros(flair.shape, np.uint8)
    seg[15, 12, 70] = 4
    for number in range(3):
        folder = tmp_path / "raw" / (f"BraTS2021_{number:05d}" if number < 2 else ".")
        for kind, array in (("flair", flair), ("seg", seg)):
            path = folder / f"BraTS2021_{number:05d}_{kind}.nii.gz"
            save_displayed(path, array, axes, tilt=9.0)
    prepare_brats2021(tmp_path / "raw", tmp_path / "out")
    image, mask = (next((tmp_path / "out").glob(f"test/Ungood/{kind}/*.png")) for kind in ("img", "label"))
    assert np.argwhere(read_png(image)).tolist() == [[2, 3]]
    assert np.argwhere(read_png(mask)).tolist() == [[15, 12]]


def test_bone_is_what_matplotlib_writes_and_reads_back(prepared: Prepared, tmp_path: Path) -> None:
    raw, output, displayed, _ = prepared
    report = prepare_brats2021(raw, tmp_path / "bone", bone=True)
    assert not report.failed
    grey = {row["file"]: row for row in check_prepared(output, [raw])}
    for row in check_prepared(tmp_path / "bone", [raw])[::9]:
        assert row == grey[row["file"]]
        flair = displayed[number_and_slice(row["file"])[0]][0]
        k = int(row["slice"]) if row["source"].count("BraTS2021_00000") else None
        path = tmp_path / "bone" / row["file"]
        pixels = read_png(path)
        assert pixels.shape == (18, 14, 4)
        assert pixels.dtype == np.uint8
        if k is not None:
            matplotlib.image.imsave(tmp_path / "theirs.png", flair[..., k], cmap="bone")
            np.testing.assert_array_equal(pixels, read_png(tmp_path / "theirs.png"))
        intensity = grey_values(read_stored_image(path))
        assert (int(intensity.min()), int(intensity.max())) == (0, 255)
        if row["class"] == "Ungood":
            mask_path = tmp_path / "bone" / row["file"].replace("/img/", "/label/")
            assert read_png(mask_path)[..., 3].min() == 255
            assert int(read_stored_mask(mask_path).lesion.sum()) == int(row["lesion_pixels"])


def test_another_seed_draws_other_patients(prepared: Prepared, tmp_path: Path) -> None:
    raw, output, _, _ = prepared
    prepare_brats2021(raw, tmp_path / "out", seed=5)
    held_out = [
        {row["patient"] for row in check_prepared(root, [raw]) if row["split"] != "train"}
        for root in (output, tmp_path / "out")
    ]
    assert held_out[0] != held_out[1]


def test_what_is_there_stays_untouched(prepared: Prepared) -> None:
    raw, output, _, report = prepared
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    again = prepare_brats2021(raw, output)
    assert again.written == 0
    assert again.slices == report.slices
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_scans_without_an_outline_are_left_out_and_told(
    prepared: Prepared, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_brats(tmp_path / "raw")
    save_displayed(tmp_path / "raw" / "BraTS2021_01700_flair.nii.gz", np.ones((4, 4, 104)), "LPS")
    with caplog.at_level(logging.WARNING):
        prepare_brats2021(tmp_path / "raw", tmp_path / "out")
    assert "left out 1 files (BraTS2021_01700_flair.nii.gz)" in caplog.text
    assert digests(tmp_path / "out") == digests(prepared[1])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BraTS2021_00003_flair.nii", "found the same scan as"),
        ("BraTS2021_00099_seg.nii.gz", "without the scan"),
    ],
)
def test_what_does_not_pair_is_refused_before_anything_is_written(name: str, message: str, tmp_path: Path) -> None:
    write_brats(tmp_path / "raw", 4)
    save_displayed(tmp_path / "raw" / "more" / name, np.zeros((4, 4, 104), np.uint8), "LPS")
    with pytest.raises(DatasetError, match=message) as caught:
        prepare_brats2021(tmp_path / "raw", tmp_path / "out")
    assert name in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_without_scans_says_what_was_expected(folder: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected"):
        prepare_brats2021(tmp_path / folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
