"""BTCV and LiTS in BMAD's folders: livers in Hounsfield units, the right slices, values, sides and patients."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import HistogramNormalize, ScaleIntensityRange
from numpy.testing import assert_allclose, assert_array_equal

from monai_sar.prepare import PrepareReport, prepare_btcv_lits
from tests.prepare.raw_sets import Array, check_prepared, read_png, save_displayed, stored_slice, write_livers

Prepared = tuple[tuple[Path, Path], Path, dict[str, tuple[Array, Array]], PrepareReport]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    raw = tmp_path_factory.mktemp("btcv"), tmp_path_factory.mktemp("lits")
    displayed = write_livers(*raw)
    output = tmp_path_factory.mktemp("out") / "liver_ct"
    return raw, output, displayed, prepare_btcv_lits(*raw, output)


def displayed_slice(
    row: dict[str, str], raw: tuple[Path, Path], displayed: dict[str, tuple[Array, Array]]
) -> tuple[Array, Array, int]:
    """Return the slice and its outline as displayed, found by the values at the manifest's index of the raw file."""
    volume, outline = displayed[Path(row["file"]).stem.rpartition("_")[0]]
    source = next(folder / row["source"] for folder in raw if (folder / row["source"]).is_file())
    stored = sorted(stored_slice(source, int(row["slice"])).ravel())
    k = next(k for k in range(volume.shape[-1]) if sorted(volume[..., k].ravel()) == stored)
    return volume[..., k], outline[..., k], k


def test_the_data_set_is_bmad_and_its_manifest_true(prepared: Prepared) -> None:
    raw, output, _, report = prepared
    rows = check_prepared(output, raw)
    assert report.failed == ()
    assert report.patients == {"train": 4, "valid": 2, "test": 3}
    # five of nine slices hold enough liver, two of them with tumour in three of the four patients of LiTS
    assert report.slices["train", "good"] == 4 * 5
    tumours = report.slices["valid", "Ungood"] + report.slices["test", "Ungood"]
    assert tumours == 3 * 2
    assert len(rows) == 9 * 5
    for row in rows:
        assert row["patient"].startswith("BTCV") or row["split"] != "train"
        assert row["patient"].startswith("LiTS") or row["split"] != "test"


def test_pixels_are_hounsfield_units_in_the_liver_and_0_outside(prepared: Prepared) -> None:
    raw, output, displayed, _ = prepared
    for row in check_prepared(output, raw):
        volume, outline, k = displayed_slice(row, raw, displayed)
        assert 2 <= k < 7
        liver = outline == 6 if row["patient"].startswith("BTCV") else outline > 0
        pixels = read_png(output / row["file"])
        assert pixels.dtype == np.uint16
        step = 400 / 65535
        assert_allclose(pixels[liver] * step - 125, np.clip(volume[liver], -125, 275), atol=step)
        assert not pixels[~liver].any()
        if row["class"] == "Ungood":
            assert_array_equal(read_png(output / row["file"].replace("/img/", "/label/")), (outline == 2) * 255)


def test_equalized_livers_are_what_monai_makes_of_the_whole_volume(prepared: Prepared, tmp_path: Path) -> None:
    raw, output, displayed, _ = prepared
    prepare_btcv_lits(*raw, tmp_path / "out", window=(-300, 300), equalize=True)
    rows = check_prepared(tmp_path / "out", raw)
    plain = {row["file"]: row for row in check_prepared(output, raw)}
    assert {row["file"]: row for row in rows} == plain
    values = []
    for row in rows:
        volume, outline = displayed[Path(row["file"]).stem.rpartition("_")[0]]
        liver = torch.from_numpy((outline == 6 if row["patient"].startswith("BTCV") else outline > 0)[None])
        scaled = ScaleIntensityRange(-300, 300, 0, 1, clip=True)(torch.from_numpy(volume[None].astype(np.float32)))
        expected = (HistogramNormalize(num_bins=256, min=0, max=1)(scaled, liver) * liver)[0].numpy()
        k = displayed_slice(row, raw, displayed)[2]
        pixels = read_png(tmp_path / "out" / row["file"])
        assert_allclose(pixels, expected[..., k] * 65535, atol=1)
        values.append(pixels[liver[0, ..., k].numpy()])
    # the lowest and the highest of these random voxels are clipped; the others are spread evenly
    shares, _ = np.histogram(np.concatenate(values), bins=10, range=(1, 0.7 * 65535))
    assert shares.max() < 1.3 * shares.min()


def test_a_liver_on_the_left_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    raw = tmp_path / "btcv", tmp_path / "lits"
    displayed = write_livers(*raw)
    volume, outline = displayed["volume-6"]
    save_displayed(raw[1] / "Batch 0" / "volume-6.nii", volume[:, ::-1], "LPS", spacing=5)
    save_displayed(raw[1] / "seg" / "segmentation-6.nii", outline[:, ::-1], "LPS", spacing=5)
    with caplog.at_level(logging.WARNING):
        prepare_btcv_lits(*raw, tmp_path / "out")
    told = [message for message in caplog.messages if "patient's left" in message]
    assert len(told) == 1
    assert "volume-6.nii" in told[0]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("shift", r"segmentation-7.nii.*lies up to [\d.]+ mm beside the image"),
        ("shape", r"segmentation-7.nii.*has \(\d+, \d+, \d+\) voxels"),
        ("values", r"segmentation-7.nii: holds values from 0 to 18, expected only 0, 1, 2"),
        ("empty", r"segmentation-7.nii: outlines no liver"),
        ("damaged", r"volume-7.nii: cannot be read.*the file is truncated or damaged"),
        ("constant", r"volume-7.nii: every voxel is"),
    ],
)
def test_a_wrong_scan_is_named_and_the_others_are_written(edit: str, message: str, tmp_path: Path) -> None:
    raw = tmp_path / "btcv", tmp_path / "lits"
    volume, outline = write_livers(*raw)["volume-7"]
    scan, label = raw[1] / "Batch 1" / "volume-7.nii", raw[1] / "seg" / "segmentation-7.nii"
    if edit == "damaged":
        scan.write_bytes(scan.read_bytes()[:2000])
    elif edit == "constant":
        save_displayed(scan, np.full_like(volume, -1000), "LPS", spacing=5)
    else:
        for path, array in ((scan, volume), (label, outline)):
            save_displayed(path, array, "LPS", spacing=5)
        if edit == "shift":
            save_displayed(label, outline, "LPS", spacing=6)
        elif edit == "shape":
            save_displayed(label, outline[1:], "LPS", spacing=5)
        else:
            save_displayed(label, outline * (9 if edit == "values" else 0), "LPS", spacing=5)
    report = prepare_btcv_lits(*raw, tmp_path / "out")
    assert len(report.failed) == 1
    assert report.written == 8
    assert re.search(message, report.failed[0]), report.failed[0]
    assert not list((tmp_path / "out").rglob("volume-7_*"))


@pytest.mark.parametrize("window", [(100.0, 100.0), (275.0, -125.0), (float("nan"), 1.0)])
def test_an_empty_window_is_refused(window: tuple[float, float], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="window"):
        prepare_btcv_lits(tmp_path, tmp_path, tmp_path / "out", window=window)
