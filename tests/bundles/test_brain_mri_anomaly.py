"""The brain bundle as its users run it: processes of ``python -m monai.bundle``, and its configs on their own."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
import yaml
from sklearn.metrics import average_precision_score, roc_auc_score

from monai_sar.datasets import load_data_set
from tests.bundles.conftest import ROOT, TINY, run_bundle, run_config, run_forked_bundle

BUNDLE = ROOT / "bundles" / "brain_mri_anomaly"
TRAIN = BUNDLE / "configs" / "train.yaml"
EVALUATE = BUNDLE / "configs" / "evaluate.yaml"
INFERENCE = BUNDLE / "configs" / "inference.yaml"


def folders(root: Path) -> dict[str, str]:
    """Where a run writes, outside the bundle."""
    return {"ckpt_dir": str(root / "models"), "feature_dir": str(root / "features"), "output_dir": str(root / "output")}


@pytest.fixture(scope="module")
def trained(bmad: Path, small: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``run training`` in the bundle's own folder, as its README says; returns where it wrote."""
    root = tmp_path_factory.mktemp("trained")
    done = run_bundle(
        "run", "training", "--config_file", "configs/train.yaml", cwd=BUNDLE, dataset_dir=bmad, **folders(root), **small
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "BMAD layout A" in done.stdout
    assert "validation loss" in done.stdout
    return root


def weights(path: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return state.get("model", state)  # type: ignore[return-value]


def test_training_leaves_checkpoints_and_a_curve(trained: Path) -> None:
    assert {path.name for path in (trained / "models").iterdir()} == {"model.pt", "last.pt"}
    assert {path.name for path in (trained / "output").iterdir()} == {"training_curve.json", "training_curve.png"}
    curve = json.loads((trained / "output" / "training_curve.json").read_text())
    assert [epoch for epoch, _ in curve["train_loss"]] == [1, 2]
    assert curve["best_epoch"] == min(curve["val_loss"], key=lambda point: point[1])[0]


def test_plain_run_from_another_folder_gives_the_same_weights_bit_for_bit(
    trained: Path, bmad: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    done = run_forked_bundle(
        "run",
        "--config_file",
        str(TRAIN),
        cwd=tmp_path,
        bundle_root=BUNDLE,
        dataset_dir=bmad,
        **folders(tmp_path),
        **small,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("model.pt", "last.pt"):
        first, second = weights(trained / "models" / name), weights(tmp_path / "models" / name)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_another_seed_gives_other_weights(trained: Path, bmad: Path, small: dict[str, Any], tmp_path: Path) -> None:
    run_config([TRAIN], "train", dataset_dir=str(bmad), **folders(tmp_path), **small | {"seed": 43})
    first, second = weights(trained / "models" / "last.pt"), weights(tmp_path / "models" / "last.pt")
    assert not torch.equal(first["network.net.8.weight"], second["network.net.8.weight"])


def test_evaluation_writes_what_scikit_learn_says(
    trained: Path, bmad: Path, small: dict[str, Any], tmp_path: Path
) -> None:
    paths = folders(trained) | {"output_dir": str(tmp_path)}
    workflow = run_config([TRAIN, EVALUATE], "train", dataset_dir=str(bmad), **paths, **small)
    record = json.loads((tmp_path / "metrics_test.json").read_text())
    assert record["scans"] == {"normal": 4, "abnormal": 4}

    detector = workflow.parser.get_parsed_content("network")
    transform = workflow.parser.get_parsed_content("validate#preprocessing")
    items = [transform(item) for item in load_data_set(bmad, "test")]
    with torch.inference_mode():
        score = torch.cat([detector(item["image"][None, ..., 0].as_tensor()).flatten() for item in items])
    mask = torch.cat([item["label"].flatten() for item in items])
    brightness = torch.cat([item["image"].flatten() for item in items])
    metrics = record["metrics"]
    assert metrics["pixel_auroc"] == pytest.approx(roc_auc_score(mask, score), abs=1e-4)
    assert metrics["pixel_average_precision"] == pytest.approx(average_precision_score(mask, score), abs=1e-4)
    assert metrics["brightness_pixel_auroc"] == pytest.approx(roc_auc_score(mask, brightness), abs=1e-4)

    # and inside the head
    head = torch.cat([torch.as_tensor(item["region"]).flatten() for item in items])
    assert 0 < head.float().mean() < 1
    inside = metrics["region_pixel_auroc"]
    assert inside == pytest.approx(roc_auc_score(mask[head], score[head]), abs=1e-4)
    darkness = metrics["region_darkness_pixel_average_precision"]
    assert darkness == pytest.approx(average_precision_score(mask[head], -brightness[head]), abs=1e-4)
    assert 0 <= metrics["region_pixel_aupro"] <= metrics["pixel_aupro"] <= 1  # air is easy


def test_inference_keeps_the_geometry_of_the_scan(trained: Path, small: dict[str, Any], tmp_path: Path) -> None:
    """An oblique, flipped, anisotropic volume comes back voxel for voxel."""
    generator = np.random.default_rng(0)
    affine = np.array([[0, -1.1, 0.3, 40], [-1.0, 0.1, 0.2, -20], [0.1, 0.2, 5.0, 7], [0, 0, 0, 1]])
    scan = nibabel.Nifti1Image(generator.integers(0, 900, (30, 40, 5)).astype(np.int16), affine)
    scan.set_qform(affine, 1)
    scan.set_sform(affine, 2)
    nibabel.save(scan, tmp_path / "case_flair.nii.gz")
    done = run_bundle(
        "run",
        "inference",
        "--config_file",
        "configs/inference.yaml",
        cwd=BUNDLE,
        dataset_dir=tmp_path,
        ckpt_path=trained / "models" / "model.pt",
        output_dir=tmp_path / "out",
        **{key: small[key] for key in TINY},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "out" / "case_flair_overlay.png").stat().st_size > 1000
    anomaly_map: Any = nibabel.load(tmp_path / "out" / "case_flair_anomaly.nii.gz")
    assert anomaly_map.shape == scan.shape
    assert anomaly_map.get_data_dtype() == np.float32
    np.testing.assert_allclose(anomaly_map.affine, scan.affine, atol=1e-5)
    assert (int(anomaly_map.header["qform_code"]), int(anomaly_map.header["sform_code"])) == (1, 2)


def test_early_stopping_looks_at_normal_images(bmad: Path, small: dict[str, Any], tmp_path: Path) -> None:
    """Nothing is learnt at a rate of zero, so training ends when its patience does."""
    settings = small | {"max_epochs": 50, "learning_rate": 0.0, "early_stopping_patience": 2}
    workflow = run_config([TRAIN], "train", dataset_dir=str(bmad), **folders(tmp_path), **settings)
    curve = json.loads((tmp_path / "output" / "training_curve.json").read_text())
    assert len(curve["val_loss"]) == 3
    data = workflow.parser.get_parsed_content("validate#dataset#data")
    assert [item["abnormal"] for item in data] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "settings",
    [
        {"likelihood": "gaussian"},
        {
            "mode": "bidirectional",
            "feature_scaling": "none",
            "smoothing": 0,
            "color": "as_stored",
            "intensity": "stored",
        },
        {"tensorboard": True, "val_interval": 2},
    ],
)
def test_settings_can_be_given(settings: dict[str, Any], bmad: Path, small: dict[str, Any], tmp_path: Path) -> None:
    run_config([TRAIN], "train", dataset_dir=str(bmad), **folders(tmp_path), **small | settings)
    state = weights(tmp_path / "models" / "model.pt")
    assert ("scaling.mean" in state) == (settings.get("feature_scaling") != "none")
    assert state["network.net.8.weight"].shape[0] == (384 if "likelihood" in settings else 192)
    events = list((tmp_path / "output").glob("events.out.tfevents.*"))
    assert bool(events) == settings.get("tensorboard", False)


def test_a_failed_run_ends_with_its_reason(bmad: Path, small: dict[str, Any], tmp_path: Path) -> None:
    done = run_bundle(
        "run",
        "evaluating",
        "--config_file",
        f"['{TRAIN}','{EVALUATE}']",
        cwd=tmp_path,
        bundle_root=tmp_path,
        dataset_dir=bmad,
        **small,
    )
    assert done.returncode != 0
    assert done.stderr.rstrip().splitlines()[-1].startswith("The reason: There is no checkpoint at")
    done = run_forked_bundle(
        "run",
        "training",
        "--config_file",
        str(TRAIN),
        cwd=tmp_path,
        bundle_root=tmp_path,
        dataset_dir=tmp_path / "absent",
        **small,
    )
    assert done.returncode != 0
    reason = done.stderr.rstrip().split("The reason: ")[-1]
    assert "absent" in reason
    assert "Traceback" not in reason


def test_intensities_are_made_alike_in_training_and_inference() -> None:
    def scale(path: Path) -> dict[str, Any]:
        steps = yaml.safe_load(path.read_text())["normalization"]["transforms"]
        step = next(step for step in steps if step["_target_"].endswith("MRIIntensityd"))
        return {key: value for key, value in step.items() if key != "_disabled_"}

    assert scale(TRAIN) == scale(INFERENCE)
