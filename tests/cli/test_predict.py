"""``monai-sar predict`` in this process: what is told, what is done again, what is never overwritten."""

import json
import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner, Result

from monai_sar._atomic import atomic_path
from monai_sar.calibration import InputReference, ScanTraits
from monai_sar.cli import app
from monai_sar.inferers import ScanPredictor
from monai_sar.networks import mixed_precision
from tests.calibration.bundle_copy import copy_bundle
from tests.calibration.conftest import a_calibration, calibrated_checkpoint
from tests.cli.conftest import Predict, Write, outcomes, times, told
from tests.conftest import BUNDLE, head, one_study, save_nifti
from tests.full_disk import files_limited_to

# --- wrong use: one line, status 2, nothing done ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.nii.gz"], "absent.nii.gz: does not exist"),
        (["notes.md"], "notes.md: is not NIfTI"),
        (["empty"], "empty: holds no NIfTI"),
        (["scan.nii.gz", "--bundle=empty"], "'empty' is not the folder of a bundle"),
        (["scan.nii.gz", "--checkpoint=absent.pt"], "no checkpoint at 'absent.pt'"),
        (["scan.nii.gz", "--checkpoint=notes.md"], "'notes.md' (2 bytes) cannot be read as a checkpoint"),
        (["scan.nii.gz", "--spacing=1,2"], "--spacing 1,2: expected three lengths"),
        (["scan.nii.gz", "--spacing=1,2,x"], "--spacing 1,2,x: expected three lengths"),
        (["scan.nii.gz", "--spacing=1,2,-3"], "--spacing 1,2,-3: expected three lengths"),
        (["scan.nii.gz", "--axis=axle"], "'axle'"),
        (["scan.nii.gz", "--axis=$open('x', 'w')"], "slice_axis is \"$open('x', 'w')\"; expected one of"),
        (["scan.nii.gz", "--series=$open('x', 'w')"], "series_uid is \"$open('x', 'w')\"; expected a DICOM UID"),
        (["scan.nii.gz", "--series=@output_dir"], "series_uid is '@output_dir'; expected a DICOM UID"),
        (["scan.nii.gz", "--checkpoint=$open('x', 'w')"], "no checkpoint at '$open('x', 'w')'"),
        (["scan.nii.gz", "--bundle=$open('x', 'w')"], "'$open('x', 'w')' is not the folder of a bundle"),
        (["scan.nii.gz", "--encoder-weights=$open('x', 'w')"], "No encoder weights at '$open('x', 'w')'"),
        (["scan.nii.gz", "--set=amp=$open('x', 'w')"], "amp is \"$open('x', 'w')\"; expected true or false"),
        (["scan.nii.gz", "--set=spacing=$open('x', 'w')"], "spacing is \"$open('x', 'w')\"; expected three lengths"),
        (["scan.nii.gz", "--set=ckpt_path=@output_dir"], "no checkpoint at '@output_dir'"),
        (["scan.nii.gz", "--set=network={_target_: os.abort}"], "'_target_' says what a config runs"),
        (["scan.nii.gz", "--set=network#_target_=os.abort"], "has no setting 'network#_target_'"),
        (["scan.nii.gz", "--set==3"], "--set =3: expected key=value"),
        (["scan.nii.gz", "--set=threshold"], "--set threshold: expected key=value"),
        (["scan.nii.gz", "--set=image_size=[48"], "image_size is '[48'; expected height and width"),
        (["scan.nii.gz", "--set=tresh=1"], "has no setting 'tresh'; did you mean 'threshold'?"),
        (["scan.nii.gz", "--set=slices_per_batch=abc"], "slices_per_batch is 'abc'; expected a whole number"),
        (["scan.nii.gz", "--set=dilations=3"], "dilations is 3; expected a list of whole numbers"),
        (["scan.nii.gz", "--set=threshold=1,5"], "threshold is '1,5'; expected a number"),
        (["scan.nii.gz", "--threshold=nan"], "threshold is nan"),
        (["scan.nii.gz", "--device=gpu"], "gpu"),
        (["scan.nii.gz", "--encoder-weights=absent.pth"], "absent.pth"),
        (["scan.nii.gz", "--output=notes.md"], "notes.md: is a file"),
        (["a/scan.nii.gz", "b/scan.nii.gz"], "a/scan.nii.gz and b/scan.nii.gz: their results would both be called"),
        (["scan.nii.gz", "scan.nii"], "scan.nii and scan.nii.gz: their results would both be called 'scan'"),
        (["scan.nii.gz", "--output=."], "scan.nii.gz: lies in the output folder"),
        (["scans.txt", "--output=."], "scan.nii.gz: lies in the output folder"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str], message: str, predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("no")
    (tmp_path / "scans.txt").write_text("scan.nii.gz\n")
    for name in ("scan.nii.gz", "scan.nii", "a/scan.nii.gz", "b/scan.nii.gz"):
        save_nifti(tmp_path / name)
    result = predict("--output=out", *arguments)
    assert result.exit_code == 2
    assert len(told(result)) == 1
    assert message in told(result)[0]
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "x").exists()


def test_results_are_not_written_into_a_dicom_series(predict: Predict, write_series: Write, tmp_path: Path) -> None:
    write_series(tmp_path / "series", modality="MR")
    before = times(tmp_path / "series")
    result = predict(tmp_path, f"--output={tmp_path / 'series'}")
    assert result.exit_code == 2
    assert "lies in the output folder" in told(result)[0]
    assert times(tmp_path / "series") == before


# --- what is there already ---


def test_what_is_there_is_not_done_again(
    predict: Predict, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the scan, the checkpoint or a setting that matters is another one."""
    scans, out = tmp_path / "scans", tmp_path / "out"
    for name in ("a", "b"):
        save_nifti(scans / f"{name}.nii.gz", head(seed=ord(name)))
    base = [scans, f"--output={out}", "--json"]

    def statuses(*more: str | Path) -> list[str]:
        result = predict(*base, *more)
        assert result.exit_code == 0, result.output
        return [outcome["status"] for outcome in outcomes(result).values()]

    first = predict(*base)
    assert [outcome["status"] for outcome in outcomes(first).values()] == ["done"] * 2
    before = times(out)
    again = predict(*base)
    assert [outcome["status"] for outcome in outcomes(again).values()] == ["there already"] * 2
    for name, outcome in outcomes(again).items():
        assert outcome == outcomes(first)[name] | {"status": "there already"}  # score and report are told too
    assert times(out) == before

    save_nifti(scans / "a.nii.gz", head(seed=99))
    assert statuses() == ["done", "there already"]
    assert times(out, "b") == {name: at for name, at in before.items() if name.startswith("b")}

    copied = tmp_path / "other.pt"
    copied.write_bytes(checkpoint.read_bytes() + b"\0")
    (scans / "b.nii.gz").unlink()
    monkeypatch.setattr(mixed_precision, "_has_fast_bfloat16", lambda: True)
    for change in (["--threshold=1"], ["--threshold=1.01"], ["--axis=coronal"], ["--amp"], [f"--checkpoint={copied}"]):
        assert statuses(*change) == ["done"], change
    assert statuses() == ["done"]
    assert statuses() == ["there already"]
    assert statuses("--overwrite") == ["done"]


def test_one_of_several_volumes_is_predicted_and_named(
    predict: Predict, predictor: ScanPredictor, tmp_path: Path
) -> None:
    volumes = [head(seed=seed) for seed in range(2)]
    save_nifti(tmp_path / "times.nii.gz", np.stack(volumes, axis=3))
    alone = predictor(save_nifti(tmp_path / "alone" / "scan.nii.gz", volumes[1]))
    base = [tmp_path / "times.nii.gz", f"--output={tmp_path / 'out'}", "--json"]
    assert outcomes(predict(*base, "--volume=0"))["times.nii.gz"]["status"] == "done"
    assert outcomes(predict(*base, "--volume=0"))["times.nii.gz"]["status"] == "there already"
    outcome = outcomes(predict(*base, "--volume=1"))["times.nii.gz"]
    assert (outcome["status"], outcome["score"]) == ("done", pytest.approx(alone.score))
    assert json.loads((tmp_path / "out" / "times_volume1_report.json").read_text())["scan"]["volume"] == 1
    result, scan = (
        nib.Nifti1Image.from_filename(tmp_path / path) for path in ("out/times_volume1_anomaly.nii.gz", "times.nii.gz")
    )
    assert result.shape == volumes[1].shape
    np.testing.assert_allclose(result.affine, scan.affine)
    several = predict(*base)
    assert several.exit_code == 1
    assert "--volume N, from 0 to 1" in outcomes(several)["times.nii.gz"]["error"]


def test_results_of_an_earlier_run_are_no_scans(predict: Predict, write_series: Write, tmp_path: Path) -> None:
    """The output folder may lie among the scans."""
    save_nifti(tmp_path / "head.nii.gz")
    write_series(tmp_path / "series", modality="MR", shape=(4, 20, 24), edit=one_study())
    options = [f"--output={tmp_path / 'out'}", "--threshold=1", "--json"]
    assert outcomes(predict(tmp_path, *options)).keys() == {"head.nii.gz", "series"}
    again = predict(tmp_path, *options)
    assert again.exit_code == 0
    assert outcomes(again).keys() == {"head.nii.gz", "series"}
    assert "Left out" in told(again)[0]

    nothing_else = predict(tmp_path / "out", f"--output={tmp_path / 'more'}")
    assert nothing_else.exit_code == 2
    assert "holds no scans, only results" in told(nothing_else)[0]


def test_what_a_killed_run_left_half_written_is_cleared(predict: Predict, tmp_path: Path) -> None:
    """And not what another run is writing."""
    out = tmp_path / "out"
    out.mkdir()
    (out / ".partial-of-a-killed-run.nii.gz").touch()
    with atomic_path(out / "living.nii.gz") as living:
        living.touch()
        predict(save_nifti(tmp_path / "head.nii.gz"), f"--output={out}")
        assert list(out.glob(".partial-*")) == [living]


def test_a_scan_whose_result_does_not_fit_is_named_and_leaves_nothing(predict: Predict, tmp_path: Path) -> None:
    scan, out = save_nifti(tmp_path / "head.nii.gz"), tmp_path / "out"
    with files_limited_to(20_000):
        result = predict(scan, f"--output={out}")
    assert result.exit_code == 1
    line = f"[1/1] FAILED {scan}: Cannot write '{out / 'head_overlay.png'}': File too large for '"
    assert told(result)[0].startswith(line)
    assert list(out.iterdir()) == []


# --- images, settings, names ---


def test_with_a_spacing_the_images_in_a_folder_are_one_scan(
    predict: Predict, predictor: ScanPredictor, tmp_path: Path
) -> None:
    slices = (head()[..., :3] // 2).clip(0, 255).astype(np.uint8)
    (tmp_path / "stack").mkdir()
    for index in range(3):
        Image.fromarray(slices[..., index]).save(tmp_path / "stack" / f"{index}.png")
    out = f"--output={tmp_path / 'out'}"
    assert outcomes(predict(tmp_path / "stack", out, "--json")).keys() == {"0.png", "1.png", "2.png"}

    stack = outcomes(predict(tmp_path / "stack", out, "--json", "--spacing=0.5,0.5,3"))
    assert stack["stack"]["status"] == "done"
    written: Any = nib.load(tmp_path / "out" / "stack_anomaly.nii.gz")
    np.testing.assert_array_equal(written.affine, np.diag([-0.5, -0.5, 3, 1]))
    other = outcomes(predict(tmp_path / "stack", out, "--json", "--spacing=0.5,0.5,4"))
    assert other["stack"]["status"] == "done"  # the same files, but not the same scan

    (tmp_path / "stack" / "3.png").write_bytes(b"cut")
    (failed,) = outcomes(predict(tmp_path / "stack", out, "--json", "--spacing=0.5,0.5,3")).values()
    assert failed["status"] == "failed"
    assert "3.png" in failed["error"]
    (tmp_path / "stack" / "3.png").unlink()

    # two of three are not the whole stack, and a file of several pages is a stack by itself
    some = [tmp_path / "stack" / "0.png", tmp_path / "stack" / "1.png"]
    assert outcomes(predict(*some, out, "--json", "--spacing=0.5,0.5,3")).keys() == {"0.png", "1.png"}
    pages = [Image.fromarray(slices[..., index]) for index in range(3)]
    (tmp_path / "volumes").mkdir()
    for name in ("1.tif", "2.tif"):
        pages[0].save(tmp_path / "volumes" / name, save_all=True, append_images=pages[1:])
    volumes = outcomes(predict(tmp_path / "volumes", out, "--json", "--spacing=0.5,0.5,3"))
    assert {name: outcome["status"] for name, outcome in volumes.items()} == {"1.tif": "done", "2.tif": "done"}


@pytest.mark.parametrize("name", ["$bundle", "@bundle", "%bundle", "#bundle"])
def test_a_bundle_may_be_called_anything(
    name: str, predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).symlink_to(BUNDLE)
    save_nifti(Path("scan.nii.gz"))
    result = predict("scan.nii.gz", f"--bundle={name}", "--output=out")
    assert result.exit_code == 0, result.stderr


def test_a_setting_can_be_given_by_its_name(predict: Predict, tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "head.nii.gz")
    result = predict(path, f"--output={tmp_path / 'out'}", "--set=threshold=1.0", "--set=slices_per_batch=1")
    assert result.exit_code == 0
    report = json.loads((tmp_path / "out" / "head_report.json").read_text())
    assert report["mask"]["threshold"] == 1.0


def test_a_calibrated_checkpoint_flags_at_a_rate_and_gives_a_p_value(checkpoint: Path, tmp_path: Path) -> None:
    others = InputReference.of([[ScanTraits("volumes", "MR", {"row_spacing": 9.0})]])
    calibration = a_calibration(pixel_thresholds=(1.2, 1.1), inputs=others)
    path = calibrated_checkpoint(checkpoint, tmp_path / "model.pt", calibration)
    scan, bundle = save_nifti(tmp_path / "head.nii.gz"), copy_bundle(tmp_path / "bundles")

    def call(*arguments: str) -> Result:
        command = ["predict", str(scan), f"--bundle={bundle}", f"--checkpoint={path}", f"--output={tmp_path / 'out'}"]
        return CliRunner().invoke(app, [*command, *arguments])

    first = call("--json")
    assert outcomes(first)["head.nii.gz"]["status"] == "done", first.output
    assert outcomes(first)["head.nii.gz"]["p_value"] == calibration.p_value(
        outcomes(first)["head.nii.gz"]["score"], kind="volumes"
    )
    assert json.loads((tmp_path / "out" / "head_report.json").read_text())["mask"]["threshold"] == 1.2
    assert outcomes(first)["head.nii.gz"]["input_check"]["ok"] is False
    again = call()
    assert "there already, score" in again.stdout
    assert (
        "note: unlike the scans that the detector was calibrated on: spacing of rows: 1.1 instead of 9 mm"
        in again.stderr
    )
    assert ", p-value " in again.stdout

    assert "done" in call("--false-positive-rate=0.2").stdout
    mask = json.loads((tmp_path / "out" / "head_report.json").read_text())["mask"]
    assert (mask["threshold"], mask["false_positive_rate"]) == (1.1, 0.2)
    wrong = call("--false-positive-rate=0.05")
    assert wrong.exit_code == 2
    assert "no threshold for a false-positive rate of 5 %; the checkpoint is calibrated for 10 %, 20 %" in wrong.stderr


def test_a_name_that_no_terminal_can_show(predict: Predict, tmp_path: Path) -> None:
    """File names are bytes; those of an old archive may be no text at all."""
    path = save_nifti(tmp_path / "head.nii.gz")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/h\xffad.nii.gz"))
    try:
        path.rename(odd)
    except OSError:
        pytest.skip("this file system takes text only")
    result = predict(odd, f"--output={tmp_path / 'out'}")
    assert result.exit_code == 0, result.output
    assert "h?ad.nii.gz: done" in result.stdout
    assert outcomes(predict(odd, f"--output={tmp_path / 'out'}", "--json"))[odd.name]["status"] == "there already"


# --- known lesions ---


def test_a_scan_with_known_lesions_is_measured_as_an_evaluation_measures_it(predict: Predict, tmp_path: Path) -> None:
    save_nifti(tmp_path / "scans" / "a_flair.nii.gz")
    save_nifti(tmp_path / "scans" / "b_flair.nii.gz", head(seed=1))
    outline = np.zeros(head().shape, np.uint8)
    outline[12:18, 10:16, 1:3] = 1
    outline[20:22, 18:20, 3] = 1
    save_nifti(tmp_path / "scans" / "a_seg.nii.gz", outline)
    suffixes = ("--image-suffix=_flair.nii.gz", "--lesion-suffix=_seg.nii.gz", "--threshold=0.9963")
    arguments = (tmp_path / "scans", f"--output={tmp_path / 'out'}", *suffixes, "--json")
    assert {each["status"] for each in outcomes(predict(*arguments)).values()} == {"done"}
    found, none = (json.loads((tmp_path / "out" / f"{name}_flair_report.json").read_text()) for name in "ab")
    assert none["lesions"] is None
    lesions = found["lesions"]
    image: Any = nib.load(tmp_path / "out" / "a_flair_anomaly.nii.gz")
    anomaly = image.get_fdata()
    flagged = anomaly > 0.9963
    assert (lesions["voxels"], lesions["count"]) == (outline.sum(), 2)
    assert lesions["volume_ml"] == pytest.approx(outline.sum() * 1.1 * 0.9 * 5 / 1000, rel=1e-4)
    assert lesions["dice"] == pytest.approx(2 * (flagged & (outline > 0)).sum() / (flagged.sum() + outline.sum()))
    assert lesions["found"] == sum(flagged[outline_of].mean() >= 0.1 for outline_of in _pieces(outline))
    assert 0 < lesions["average_precision"] < 1
    assert {each["status"] for each in outcomes(predict(*arguments)).values()} == {"there already"}
    save_nifti(tmp_path / "scans" / "a_seg.nii.gz", np.roll(outline, 1, axis=0))
    again = {name: each["status"] for name, each in outcomes(predict(*arguments)).items()}
    assert again == {"a_flair.nii.gz": "done", "b_flair.nii.gz": "there already"}


def _pieces(outline: NDArray[np.uint8]) -> list[NDArray[np.bool_]]:
    rows = np.arange(outline.shape[0])[:, None, None]
    return [(outline > 0) & (rows < 19), (outline > 0) & (rows >= 19)]
