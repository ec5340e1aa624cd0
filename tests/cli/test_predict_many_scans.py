"""``monai-sar predict`` on many scans: bad ones among good ones, series in several folders, masks, other formats."""

import json
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from PIL import Image
from pydicom import dcmread

from tests.cli.conftest import Predict, Write, outcomes, times, told
from tests.conftest import head, one_study, save_nifti


def test_bad_scans_are_named_and_the_others_written(predict: Predict, write_series: Write, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    save_nifti(scans / "b_good.nii.gz")
    save_nifti(scans / "z_good.nii.gz")
    save_nifti(scans / "c_constant.nii.gz", np.full((20, 20, 3), 7, np.int16))
    save_nifti(scans / "d_nan.nii.gz", np.full((20, 20, 3), np.nan, np.float32))
    (scans / "e_cut.nii.gz").write_bytes((scans / "b_good.nii.gz").read_bytes()[:900])
    header = nib.nifti1.Nifti1Header()
    header.set_data_shape((32767, 32767, 30000))
    header["vox_offset"] = 352
    (scans / "f_boundless.nii").write_bytes(header.binaryblock + b"\0" * 400)
    write_series(scans / "g_ct", modality="CT")
    Image.new("RGB", (20, 20), "red").save(scans / "h_colour.png")

    result = predict(scans, f"--output={out}", "--json")
    assert result.exit_code == 1
    said = outcomes(result)
    assert {name for name, outcome in said.items() if outcome["status"] == "done"} == {"b_good.nii.gz", "z_good.nii.gz"}
    for name, word in {
        "c_constant.nii.gz": "every voxel is 7",
        "d_nan.nii.gz": "NaN",
        "e_cut.nii.gz": "truncated or damaged",
        "f_boundless.nii": "",
        "g_ct": "modality is CT, expected MR",
        "h_colour.png": "colour",
    }.items():
        assert said[name]["status"] == "failed"
        assert said[name]["error"].startswith(str(scans / name))
        assert word in said[name]["error"]
        assert "\n" not in said[name]["error"]
    assert {name.split("_good")[0] for name in times(out)} == {"b", "z"}

    words = predict(scans, f"--output={out}")
    assert words.exit_code == 1
    assert [line.split()[1] for line in told(words)] == ["FAILED"] * 6 + ["of"]
    assert told(words)[-1] == "6 of 8 scans failed; each is named above."
    assert [line.split(": ")[1].split(",")[0] for line in words.stdout.splitlines()] == ["there already"] * 2


def test_what_a_reader_should_know_is_told(predict: Predict, write_series: Write, tmp_path: Path) -> None:
    write_series(tmp_path / "series", modality="MR", shape=(4, 20, 24), edit=one_study())
    write_series(tmp_path / "series", modality="MR", shape=(1, 20, 24), number=2)
    result = predict(tmp_path / "series", f"--output={tmp_path / 'out'}")
    assert result.exit_code == 0
    assert [line for line in told(result) if "note: left out: series 2" in line]
    assert ", no p-value: the detector is not calibrated ->" in result.stdout


def test_a_series_in_two_folders_is_told_and_copies_of_one_are_not(
    predict: Predict, write_series: Write, tmp_path: Path
) -> None:
    write_series(tmp_path / "a", modality="MR", shape=(6, 20, 24), edit=one_study())
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    result = predict(tmp_path / "a", tmp_path / "copy", f"--output={tmp_path / 'out'}")
    assert result.exit_code == 0, result.output
    assert "another folder" not in result.stderr
    shutil.rmtree(tmp_path / "copy")
    (tmp_path / "b").mkdir()
    by_place = sorted((tmp_path / "a").iterdir(), key=lambda path: dcmread(path).ImagePositionPatient[2])
    for path in by_place[3:]:
        path.rename(tmp_path / "b" / path.name)
    result = predict(tmp_path / "a", tmp_path / "b", f"--output={tmp_path / 'parts'}")
    assert result.exit_code == 0, result.output
    notes = [line for line in told(result) if "other slices of the same DICOM series lie in another folder" in line]
    assert len(notes) == 2
    for report in (tmp_path / "parts").glob("*_report.json"):
        assert "another folder" in json.loads(report.read_text())["warnings"][-1]


def test_notes_are_those_of_the_folder_not_of_another_with_the_same_slices(
    predict: Predict, write_series: Write, tmp_path: Path
) -> None:
    write_series(tmp_path / "a", modality="MR", shape=(4, 20, 24), edit=one_study())
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a" / "report.xml").write_text("none")
    result = predict(tmp_path / "a", tmp_path / "b", f"--output={tmp_path / 'out'}", "--json")
    said = outcomes(result)
    assert (said["a"]["status"], said["b"]["status"]) == ("done", "there already")
    assert "left out: 1 x file that is not DICOM" in said["a"]["warnings"]
    assert not [warning for warning in said["b"]["warnings"] if "left out" in warning]


def test_of_two_modalities_in_a_folder_that_of_the_bundle_is_taken(
    predict: Predict, write_series: Write, tmp_path: Path
) -> None:
    write_series(tmp_path / "study", modality="MR", shape=(4, 20, 24), edit=one_study())
    write_series(tmp_path / "study", modality="CT", shape=(5, 20, 24), number=2)
    result = predict(tmp_path / "study", f"--output={tmp_path / 'out'}")
    assert result.exit_code == 0, result.output
    assert [line for line in told(result) if line.endswith("left out: series 2: CT, 5 slice(s) of 24 x 20")]


def test_one_path_that_leads_nowhere_does_not_stop_the_others(predict: Predict, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    save_nifti(scans / "good.nii.gz")
    (scans / "notes.md").write_text("no scan")
    result = predict(scans, tmp_path / "absent.nii.gz", f"--output={out}")
    assert result.exit_code == 1
    lines = told(result)
    assert f"Left out 1 files that are no scans, such as {scans / 'notes.md'}" in lines
    assert f"FAILED {tmp_path / 'absent.nii.gz'}: does not exist; check the path." in lines
    assert "1 of 2 scans failed; each is named above." in lines
    assert (out / "good_report.json").is_file()


def test_a_mask_beside_scans_is_no_scan_unless_it_is_named(predict: Predict, tmp_path: Path) -> None:
    mask = save_nifti(tmp_path / "scans" / "lesion.nii.gz", (head() > 200).astype(np.uint8))
    save_nifti(tmp_path / "scans" / "good.nii.gz")
    result = predict(tmp_path / "scans", f"--output={tmp_path / 'out'}", "--json")
    assert result.exit_code == 1
    assert "has two values, as a mask has" in outcomes(result)["lesion.nii.gz"]["error"]
    assert outcomes(result)["good.nii.gz"]["status"] == "done"
    assert predict(mask, f"--output={tmp_path / 'named'}").exit_code == 0


def test_a_volume_of_another_format_gets_its_map(predict: Predict, tmp_path: Path) -> None:
    image: Any = nib.load(save_nifti(tmp_path / "nifti" / "head.nii"))
    nib.save(nib.MGHImage(head(), image.affine), tmp_path / "head.mgz")
    for path in (tmp_path / "nifti" / "head.nii", tmp_path / "head.mgz"):
        assert predict(path, f"--output={tmp_path / 'out'}").exit_code == 0
    maps: list[Any] = [nib.load(tmp_path / "out" / name) for name in ("head_anomaly.nii.gz", "head.mgz_anomaly.nii.gz")]
    np.testing.assert_allclose(maps[0].affine, maps[1].affine, atol=1e-5)
    np.testing.assert_allclose(maps[0].get_fdata(), maps[1].get_fdata(), atol=1e-5)
