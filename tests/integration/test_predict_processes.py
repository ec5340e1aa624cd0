"""Prediction as processes: all ways give one map, and a run that is killed or doubled leaves whole files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileDataset

from monai_sar.inferers import ScanPredictor
from monai_sar.results import write_result
from tests.bundles.conftest import TINY, run_forked_bundle
from tests.conftest import BUNDLE, head, one_study, save_nifti
from tests.forked_python import ForkedPython, run_forked, run_forked_ranks

Write = Callable[..., NDArray[np.int64]]

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
"""Sums over another number of threads may round otherwise."""

MONAI_SAR = ["-m", "monai_sar.cli"]
TWO_PROCESSES = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", *MONAI_SAR]


def run(program: list[str], *arguments: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """As a user does."""
    command = [sys.executable, *program, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)


def options(checkpoint: Path, out: Path) -> list[str]:
    return [f"--bundle={BUNDLE}", f"--checkpoint={checkpoint}", f"--output={out}", "--device=cpu"]


def visible(folder: Path, ending: str) -> list[Path]:
    """Files as a shell or a file manager lists them; what a killed process was writing has a hidden name."""
    return sorted(path for path in folder.glob(f"*{ending}") if not path.name.startswith("."))


def volumes(folder: Path) -> dict[str, NDArray[Any]]:
    """The voxels of every NIfTI file."""
    found: dict[str, NDArray[Any]] = {}
    for path in visible(folder, ".nii.gz"):
        image: Any = nib.load(path)
        found[path.name] = np.asarray(image.dataobj)
    return found


def assert_same_volumes(left: Path, right: Path) -> None:
    ours, theirs = volumes(left), volumes(right)
    assert ours.keys() == theirs.keys()
    for name, voxels in ours.items():
        np.testing.assert_array_equal(voxels, theirs[name], err_msg=name)


def assert_whole(folder: Path) -> set[str]:
    """Fail unless every visible file can be read and belongs to no one or to a report; return the reports' names."""
    volumes(folder)
    for path in visible(folder, ".png"):
        Image.open(path).load()
    reports = {path.name: json.loads(path.read_text()) for path in visible(folder, "_report.json")}
    for report in reports.values():
        assert all((folder / name).stat().st_size > 0 for name in report["outputs"].values())
    return set(reports)


@pytest.fixture(scope="module")
def good_scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three oblique volumes, one of them empty at an end."""
    folder = tmp_path_factory.mktemp("scans")
    for seed, name in enumerate(("a", "b", "c")):
        save_nifti(folder / f"{name}.nii.gz", head(seed=seed))
    return folder


@pytest.fixture(scope="module")
def one_process(good_scans: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``monai-sar predict`` writes of them."""
    out = tmp_path_factory.mktemp("one") / "out"
    done = run(MONAI_SAR, "predict", good_scans, *options(checkpoint, out), "--threshold=1", cwd=out.parent)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert "Warning" not in done.stderr
    return out


def test_python_the_command_and_the_bundle_give_one_map(
    good_scans: Path, one_process: Path, checkpoint: Path, write_series: Write, write_multi_frame: Write, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    (scans / "a.nii.gz").symlink_to(good_scans / "a.nii.gz")
    write_series(scans / "series", modality="MR", shape=(4, 20, 24), edit=one_study())
    write_multi_frame(scans / "enhanced" / "IM0", shape=(4, 20, 24))

    predictor = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint, threshold=1.0, device="cpu")
    for scan in ("a.nii.gz", "series", "enhanced"):
        write_result(predictor(scans / scan), tmp_path / "python")
    np.testing.assert_array_equal(
        volumes(tmp_path / "python")["a_anomaly.nii.gz"], volumes(one_process)["a_anomaly.nii.gz"]
    )

    settings = TINY | {
        "abnormal_intensity": "none",
        "bundle_root": BUNDLE, "dataset_dir": scans, "ckpt_path": checkpoint, "output_dir": tmp_path / "bundle",
        "threshold": 1.0, "device": "cpu", "config_file": BUNDLE / "configs" / "inference.yaml",
    }  # fmt: skip
    done = run_forked_bundle("run", "inference", cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same_volumes(tmp_path / "python", tmp_path / "bundle")
    assert {path.name for path in (tmp_path / "python").iterdir()} == {
        path.name for path in (tmp_path / "bundle").iterdir()
    }
    for name in assert_whole(tmp_path / "python"):
        ours, theirs = (json.loads((tmp_path / way / name).read_text()) for way in ("python", "bundle"))
        ours["run"] |= {"runtime_s": None, "peak_memory_mib": None}  # not measured by the bundle
        assert ours == theirs


def test_json_goes_out_alone_and_nobody_is_named(checkpoint: Path, write_series: Write, tmp_path: Path) -> None:
    """One object a line, also where two processes share the output; a failed scan does not keep the others."""
    scans, out = tmp_path / "scans", tmp_path / "out"
    for index in range(3):
        save_nifti(scans / f"{index}.nii.gz", head(seed=index))

    def edit(ds: FileDataset, index: int) -> None:
        with pydicom.config.disable_value_validation():  # values that do not follow the standard: who reads may warn
            ds.StudyInstanceUID, ds.FrameOfReferenceUID = "1.2.SECRET", "1.3.SECRET"
            ds.PatientBirthDate, ds.PatientSex, ds.StudyDate = "SECRET 1944-12-31", "secret", "SECRET"

    write_series(scans / "series", modality="MR", shape=(4, 20, 24), edit=edit)
    (scans / "1.nii.gz").write_bytes(b"no scan")
    done = run(TWO_PROCESSES, "predict", scans, *options(checkpoint, out), "--json", cwd=tmp_path)
    assert done.returncode == 1
    said = {Path(line["scan"]).name: line for line in map(json.loads, done.stdout.splitlines())}
    assert {name: line["status"] for name, line in said.items()} == {
        "0.nii.gz": "done",
        "1.nii.gz": "failed",
        "2.nii.gz": "done",
        "series": "done",
    }
    assert len(assert_whole(out)) == 3
    assert list(out.glob("*.dcm"))
    for secret in ("SECRET", "secret", "19441231", "1944-12-31"):
        assert secret not in done.stdout + done.stderr


def test_two_processes_share_the_scans_and_write_what_one_does(
    good_scans: Path, one_process: Path, checkpoint: Path, tmp_path: Path
) -> None:
    arguments = ["predict", good_scans, *options(checkpoint, tmp_path), "--threshold=1"]
    ranks = run_forked_ranks("monai_sar.cli", *arguments, cwd=tmp_path)
    for done in ranks:
        assert done.returncode == 0, done.stderr
        assert done.stdout
    lines = [line for done in ranks for line in done.stdout.splitlines()]
    assert sorted(line.split("]")[0] for line in lines) == ["[1/3", "[2/3", "[3/3"]
    assert_same_volumes(one_process, tmp_path)
    for name in assert_whole(one_process):
        one, two = (json.loads((folder / name).read_text()) for folder in (one_process, tmp_path))
        assert one["score"] == two["score"]


def test_two_runs_at_once_into_one_folder_leave_whole_files(
    good_scans: Path, one_process: Path, checkpoint: Path, tmp_path: Path
) -> None:
    arguments = ["predict", good_scans, *options(checkpoint, tmp_path), "--threshold=1"]
    both = [ForkedPython("monai_sar.cli", *arguments, cwd=tmp_path) for _ in range(2)]
    for process in both:
        done = process.communicate()
        assert done.returncode == 0, done.stderr
    assert len(assert_whole(tmp_path)) == 3
    assert_same_volumes(one_process, tmp_path)
    assert list(tmp_path.glob(".partial-*")) == []


def test_a_killed_run_goes_on_where_it_was(checkpoint: Path, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    for index in range(12):
        save_nifti(scans / f"{index:02}.nii.gz", head(seed=index))
    arguments = ["predict", scans, *options(checkpoint, out), "--threshold=1"]
    process = ForkedPython("monai_sar.cli", *arguments, cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not list(out.glob("*_report.json")) and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    finished = assert_whole(out)
    assert 0 < len(finished) < 12

    names = {name.removesuffix("report.json") for name in finished}
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.name[:3] in names}
    done = run_forked("monai_sar.cli", *arguments, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in map(json.loads, done.stdout.splitlines()):
        there = Path(line["report"]).name in finished
        assert line["status"] == ("there already" if there else "done")
    assert {name: (out / name).stat().st_mtime_ns for name in before} == before
    assert len(assert_whole(out)) == 12


def test_wrong_use_ends_without_a_traceback(checkpoint: Path, tmp_path: Path) -> None:
    done = run_forked("monai_sar.cli", "predict", "absent.nii.gz", *options(checkpoint, tmp_path / "out"), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["monai-sar: absent.nii.gz: does not exist; check the path."]


def test_the_bundle_does_not_give_two_scans_one_name(checkpoint: Path, tmp_path: Path) -> None:
    """The bundle's own run finds its scans itself; the second is refused before it replaces the first."""
    first, second = (save_nifti(tmp_path / folder / "scan.nii.gz", head(seed=1)) for folder in ("a", "b"))
    from monai_sar.results import SaveResultd

    predictor = ScanPredictor.from_bundle(BUNDLE, ckpt_path=checkpoint)
    writer = SaveResultd("pred", output_dir=tmp_path / "out", detector=predictor.network, ckpt_path=checkpoint)

    def item(path: Path) -> dict[Any, Any]:
        prepared = predictor.prepare(path)
        prepared["pred"] = predictor.inferer(prepared["image"][None], predictor.network)[0]
        processed: dict[Any, Any] = predictor.postprocessing(prepared)
        return processed

    writer(item(first))
    writer(item(first))  # once more is no harm
    with pytest.raises(ValueError, match="both be called 'scan'"):
        writer(item(second))
