"""What an evaluator leaves behind, with and without a calibration, and on a split of one class."""

import csv
import dataclasses
import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
import yaml
from monai.bundle import ConfigParser
from numpy.typing import NDArray
from PIL import Image

from monai_sar._root_cause import reason
from monai_sar.calibration import InputReference, ScanTraits
from monai_sar.engines import evaluation_files
from monai_sar.networks.checkpoint import read_checkpoint
from tests.bundles.conftest import ROOT, TINY, head, run_bundle, run_config, untrained_checkpoint
from tests.evaluation.images import calibration
from tests.full_disk import files_limited_to

BUNDLE = ROOT / "bundles" / "brain_mri_anomaly"
CONFIGS = [BUNDLE / "configs" / name for name in ("train.yaml", "evaluate.yaml")]


@pytest.fixture(scope="module")
def bmad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six patients with two normal and two abnormal images each; their names are the patients'."""
    root = tmp_path_factory.mktemp("Mueller_Hans")
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for patient in range(6):
            for image in range(4):
                abnormal = image % 2 and split == "test"
                pixels, mask = head(generator, bool(abnormal))
                kind = "Ungood" if abnormal else "good"
                folder = root / split / kind / ("" if split == "train" else "img")
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(folder / f"phantom_{patient:04}_s{image:02}.png")
                if abnormal:
                    label = folder.parent / "label"
                    label.mkdir(exist_ok=True)
                    Image.fromarray(mask).save(label / f"phantom_{patient:04}_s{image:02}.png")
    return root


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # unlike the identity, or the scaling could be left out
    path = untrained_checkpoint(BUNDLE, tmp_path_factory.mktemp("models") / "model.pt")
    state = read_checkpoint(path)
    state["scaling.std"] = torch.full_like(state["scaling.std"], 0.5)
    torch.save(state, path)
    return path


def settings(bmad: Path, checkpoint: Path, output: Path) -> dict[str, Any]:
    own = {
        "dataset_dir": str(bmad),
        "ckpt_path": str(checkpoint),
        "output_dir": str(output),
    }
    # MONAI's check of a workflow makes the training data, too
    return TINY | own | {"bootstrap_resamples": 100, "feature_dir": str(output.parent / "features")}


def save(path: Path, slices: list[NDArray[Any]], affine: NDArray[np.float64]) -> None:
    nib.save(nib.nifti1.Nifti1Image(np.stack(slices, -1).astype(np.int16), affine), path)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_process_writes_the_four_files_and_names_nobody(bmad: Path, checkpoint: Path, tmp_path: Path) -> None:
    configs = "['configs/train.yaml','configs/evaluate.yaml']"
    given = settings(bmad, checkpoint, tmp_path) | {"hide_names": True}
    done = run_bundle("run", "evaluating", "--config_file", configs, cwd=BUNDLE, **given)
    assert done.returncode == 0, done.stderr[-3000:]
    names = {"metrics_test.json", "metrics_test.csv", "cases_test.csv", "report_test.html"}
    assert {path.name for path in tmp_path.iterdir()} == names
    record = json.loads((tmp_path / "metrics_test.json").read_text())
    assert record["scans"] == {"normal": 12, "abnormal": 12}
    assert record["patients"] == {"count": 6, "scans_of_unknown_patient": 0}
    assert record["bootstrap"]["resamples"] == 100
    assert {"scan_auroc", "pixel_auroc", "region_pixel_aupro", "dice_oracle"} <= record["metrics"].keys()
    assert {"pixel_average_precision", "pixel_auroc"} <= record["intervals"].keys()
    assert "brightness_pixel_auroc" in record["metrics"]
    table = {row["metric"]: row for row in rows(tmp_path / "metrics_test.csv")}
    assert float(table["pixel_auroc"]["value"]) == record["metrics"]["pixel_auroc"]
    cases = rows(tmp_path / "cases_test.csv")
    assert [row["abnormal"] for row in cases] == ["0", "1"] * 12
    assert [row["patient"] for row in cases] == [str(1 + index // 4) for index in range(24)]
    report = (tmp_path / "report_test.html").read_text()
    assert report.count('class="glimpse"><img') == 6  # one of each patient
    for path in tmp_path.iterdir():
        text = re.sub(r"base64,[\w+/=]+", "", path.read_text())
        assert not re.search(r"Mueller|phantom_|\.png|\.pt\b|/tmp|/home", text), path.name


def test_a_calibration_is_held_to_account(bmad: Path, checkpoint: Path, tmp_path: Path) -> None:
    state = read_checkpoint(checkpoint)
    inputs = InputReference.of([[ScanTraits("slices", None, {"rows": 48.0, "columns": 96.0})]])
    saved = json.loads(bytes(state["_extra_state"].tolist()).decode()) | {
        "calibration": dataclasses.replace(calibration(0.5, 1.0), inputs=inputs).to_dict()
    }
    state["_extra_state"] = torch.frombuffer(bytearray(json.dumps(saved).encode()), dtype=torch.uint8).clone()
    torch.save(state, tmp_path / "calibrated.pt")
    run_config(CONFIGS, "train", **settings(bmad, tmp_path / "calibrated.pt", tmp_path / "out"))
    record = json.loads((tmp_path / "out" / "metrics_test.json").read_text())
    assert [point["name"] for point in record["operating_points"]] == ["at_0.05", "at_0.2", "oracle"]
    assert record["operating_points"][0]["pixel_threshold"] == 0.5
    assert record["calibration"]["units"] == 40
    cases = rows(tmp_path / "out" / "cases_test.csv")
    for row in cases:
        assert float(row["p_value"]) == calibration(0.5, 1.0).p_value(float(row["score"]), kind="slices")
        assert row["input_check"] == "matrix"  # the columns, of which there are 48
    report = (tmp_path / "out" / "report_test.html").read_text()
    assert report.count("<td><b>no:</b> matrix</td>") == len(cases)
    realised = np.mean([float(row["score"]) > 1.0 for row in cases if row["abnormal"] == "0"])
    assert record["metrics"]["normal_scans_flagged_at_0.05"] == pytest.approx(realised)


def test_an_evaluation_that_does_not_fit_is_named_and_nothing_of_it_stays(
    bmad: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """Nor of the one before, whose files would be taken for those of this one."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "metrics_test.json").write_text("{}")
    with files_limited_to(20_000), pytest.raises(RuntimeError) as caught:
        run_config(CONFIGS, "train", **settings(bmad, checkpoint, out))
    # a picture of the report, or the report
    assert re.match(r"Cannot write '/.*(overlay\.png|report_test\.html)': File too large for '/", reason(caught.value))
    assert list(out.iterdir()) == []


def test_normal_scans_alone_are_evaluated_as_far_as_it_goes(bmad: Path, checkpoint: Path, tmp_path: Path) -> None:
    for folder in ("train/good", "test/good/img"):
        shutil.copytree(bmad / "train" / "good", tmp_path / "normal" / folder)
    run_config(CONFIGS, "train", **settings(tmp_path / "normal", checkpoint, tmp_path / "out"))
    record = json.loads((tmp_path / "out" / "metrics_test.json").read_text())
    assert record["scans"] == {"normal": 24, "abnormal": 0}
    assert record["metrics"]["pixel_auroc"] is None
    assert record["notes"]["pixel_auroc"] == "undefined: no lesions in this set"
    assert (tmp_path / "out" / "report_test.html").is_file()


def test_volumes_are_evaluated_by_name_and_in_millilitres(
    checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """NIfTI volumes, some normal; the outline of one is inverted."""
    generator = np.random.default_rng(0)
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    items: list[dict[str, Any]] = []
    for number in range(4):
        slices = [head(generator, number > 1) for _ in range(3)]
        save(tmp_path / f"scan{number}.nii.gz", [image for image, _ in slices], affine)
        items.append({"image": f"scan{number}.nii.gz", "patient": f"P{number}"})
        if number > 1:
            save(tmp_path / f"lesion{number}.nii.gz", [(mask > 0) != (number == 3) for _, mask in slices], affine)
            items[-1]["label"] = f"lesion{number}.nii.gz"
    save(tmp_path / "scan4.nii.gz", [head(generator, True)[0] for _ in range(3)], affine)
    items.append({"image": "scan4.nii.gz", "patient": "P4", "abnormal": 1})
    datalist = tmp_path / "dataset.json"
    datalist.write_text(json.dumps({"training": items[:1], "testing": items[1:]}))
    with caplog.at_level(logging.WARNING):
        run_config(CONFIGS, "train", **settings(datalist, checkpoint, tmp_path / "out"))
    datalist.write_text(json.dumps({"training": items[:1], "testing": items[1:4]}))
    run_config(CONFIGS, "train", **settings(datalist, checkpoint, tmp_path / "without"))
    metrics, without = (
        json.loads((tmp_path / folder / "metrics_test.json").read_text())["metrics"] for folder in ("out", "without")
    )
    of_voxels = {name for name in metrics if "scan" not in name}
    assert len(of_voxels) > 12
    assert all(metrics[name] == without[name] for name in of_voxels)  # scan 4 is in none of them
    found = rows(tmp_path / "out" / "cases_test.csv")
    assert [row["name"] for row in found] == ["scan1", "scan2", "scan3", "scan4"]
    assert [row["abnormal"] for row in found] == ["0", "1", "1", "1"]
    assert (found[3]["lesion_voxels"], found[3]["lesions"]) == ("", "")  # nobody has outlined it
    assert "1 abnormal scan has no mask of the lesions" in caplog.text
    assert all(row["p_value"] == row["input_check"] == "" for row in found)
    assert float(found[1]["lesion_ml"]) == pytest.approx(int(found[1]["lesion_voxels"]) * 0.02)
    assert int(found[1]["lesion_voxels"]) == 3 * 64
    assert found[0]["lesion_ml"] == "0.0"
    assert found[0]["dice"] == ""
    report = (tmp_path / "out" / "report_test.html").read_text()
    assert "like those calibrated on" not in report
    warning = "The lesion mask of scan 3 covers more than half of the region or of the scan"
    assert warning in report
    assert warning in caplog.text
    assert "scan2" in report


def test_of_many_patients_those_that_score_highest_have_a_picture(
    bmad: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_files, "MOST_GLIMPSES", 2)
    run_config(CONFIGS, "train", **settings(bmad, checkpoint, tmp_path / "out"))
    report = (tmp_path / "out" / "report_test.html").read_text()
    shown = [int(number) for number in re.findall(r'class="glimpse"><img[^>]*alt="Scan (\d+) ', report)]
    highest: dict[str, tuple[float, int]] = {}
    for row in rows(tmp_path / "out" / "cases_test.csv"):
        found = (float(row["score"]), int(row["scan"]))
        highest[row["patient"]] = max(highest.get(row["patient"], found), found)
    assert shown == [number for _, number in sorted(highest.values(), reverse=True)[:2]]
    assert "The 2 patients with the highest scores have one, the other 4 have none" in report


def test_a_mask_on_another_grid_is_told(checkpoint: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name, slices in (("normal", 3), ("scan", 3), ("lesion", 2)):
        save(tmp_path / f"{name}.nii.gz", [head(generator, True)[0] for _ in range(slices)], np.eye(4))
    normal = {"image": "normal.nii.gz", "patient": "P0"}
    item = {"image": "scan.nii.gz", "label": "lesion.nii.gz", "patient": "P1"}
    datalist = tmp_path / "dataset.json"
    datalist.write_text(json.dumps({"training": [normal], "testing": [item]}))
    with pytest.raises(RuntimeError) as caught:
        run_config(CONFIGS, "train", **settings(datalist, checkpoint, tmp_path / "out"))
    assert "lesion.nii.gz: has (48, 48, 2) voxels" in reason(caught.value)
    assert "expected the image's own grid" in reason(caught.value)


@pytest.mark.parametrize(
    "bundle", sorted(path.parent.parent.name for path in ROOT.glob("bundles/*/configs/evaluate.yaml"))
)
def test_no_metric_of_voxels_counts_scans_whose_lesions_nobody_has_outlined(bundle: str) -> None:
    config = yaml.safe_load((ROOT / "bundles" / bundle / "configs" / "evaluate.yaml").read_text())["validate"]
    parts = {key: config[key] for key in ("brightness_inside", "darkness_inside", "key_metric", "pixel_metrics")}
    parser = ConfigParser({"validate": parts})
    volume = torch.full((1, 4, 4, 2), 0.25)
    known = dict.fromkeys(("pred", "label", "scored_region", "brightness"), volume)
    names = [f"{group}#{name}" for group in ("key_metric", "pixel_metrics") for name in config[group]]
    assert len(names) == 12
    for name in names:
        transform = parser.get_parsed_content(f"validate#{name}#output_transform")
        picked = transform([known, {**known, "lesions_known": False}])
        assert [len(scans) for scans in picked] == [1] * len(picked), name
        assert picked[0][0].unique().tolist() == [0.75 if "darkness" in name else 0.25], name
