"""The published settings and ours, end to end: small sets in three of BMAD's layouts, weights in Meta's format."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.reproduce import (
    DILATIONS,
    PUBLISHED,
    SETS,
    measure_as_published,
    published_bundle,
    published_mask,
    reproduce,
)
from monai_sar.datasets import load_data_set
from monai_sar.networks import DINOv3Encoder
from monai_sar.phantoms import DOMAINS, write_phantoms
from monai_sar.settings.bundle_config import read_bundle_config
from tests.bundles.conftest import ROOT
from tests.networks.meta_weights import meta_names

LAYOUTS: dict[str, dict[str, str]] = {
    "brain_mri": {},
    "liver_ct": {
        f"{split}/{kind}/{part}": f"{split}/{part}/{kind}"
        for split in ("valid", "test")
        for kind in ("good", "Ungood")
        for part in ("img", "label")
    },
    "retinal_oct": {
        "train/good": "Train/train/good",
        **{
            f"{split}/{kind}/{part}": f"{short.title()}/{short}{'_label' if part == 'label' else ''}/{kind}"
            for split, short in (("valid", "val"), ("test", "test"))
            for kind in ("good", "Ungood")
            for part in ("img", "label")
        },
    },
}
"""Folders of layout A -> of A, C (the liver's own) and D (the retina's own)."""


@pytest.fixture(scope="module")
def bmad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three sets: one subject and three slices of each kind, none abnormal in valid."""
    phantoms, root = tmp_path_factory.mktemp("phantoms"), tmp_path_factory.mktemp("bmad")
    few = {"train": 1, "valid_normal": 1, "valid_abnormal": 0, "test_normal": 1, "test_abnormal": 1}
    for name, moved in LAYOUTS.items():
        write_phantoms(
            DOMAINS[name], phantoms / name, **few, volumes_normal=0, volumes_abnormal=0, slices_per_subject=3
        )
        for file in (phantoms / name / "bmad").rglob("*.png"):
            folder = file.parent.relative_to(phantoms / name / "bmad").as_posix()
            target = root / name / moved.get(folder, folder) / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
    return root


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A random DINOv3 in Meta's format, and what makes it quick."""
    weights = tmp_path_factory.mktemp("weights") / "meta.pth"
    name = "vit_small_patch16_dinov3"
    torch.save(meta_names(DINOv3Encoder(name, "random", seed=7).network.state_dict()), weights)
    quick = {"image_size": [64, 64], "hidden_channels": 8, "max_epochs": 1}
    return {"encoder_name": name, "encoder_weights": str(weights), **quick}


def times(folder: Path) -> dict[Path, int]:
    """When each checkpoint and each row of figures was written."""
    return {path: path.stat().st_mtime_ns for path in [*folder.rglob("*.pt"), *folder.rglob("result.json")]}


def our_rows(table: str) -> list[list[str]]:
    """Of the table with the published figures: the cells of our rows, without their names."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.partition("\n\n")[0].splitlines()]
    return [each[1:] for each in cells if each[0].startswith("**")]


def test_a_set_is_trained_and_measured_once(bmad: Path, settings: dict[str, Any], tmp_path: Path) -> None:
    first, both = tmp_path / "first", tmp_path / "both"
    both.mkdir()
    first.mkdir()
    for folder, names in ((first, ["brain_mri"]), (both, SETS)):
        for name in names:
            (folder / name).symlink_to(bmad / name)
    rows = our_rows(reproduce(first, tmp_path / "work", settings))
    assert len(rows) == len(DILATIONS) + 1
    assert all(re.fullmatch(r"\d+\.\d\d / \d+\.\d\d", row[0]) and row[1:] == ["-", "-"] for row in rows)

    before = times(tmp_path / "work")
    table = reproduce(both, tmp_path / "work", settings)
    assert before.items() <= times(tmp_path / "work").items()
    assert [row[0] for row in our_rows(table)] == [row[0] for row in rows]
    assert all("-" not in row for row in our_rows(table))
    for method, figures in PUBLISHED.items():
        assert f"| {method}, published | " in table
        assert all(f"{auroc:.2f} / {ap:.2f}" in table for auroc, ap in filter(None, figures))
    assert table.count("cannot be compared with published ones") == len(SETS)


def test_published_scores_are_those_of_the_published_formula(
    bmad: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    """Read with Pillow and scored as in the published code, with a network that has learnt nothing."""
    own: dict[str, Any] = {
        "dataset_dir": str(bmad / "retinal_oct"),
        "ckpt_dir": str(tmp_path),
        "dilations": [4, 4, 4, 4],
    }
    given = {**settings, **own}
    bundle = published_bundle(ROOT / "bundles" / "retinal_oct_anomaly", tmp_path / "bundle")
    detector = read_bundle_config(bundle, "train", parts=[], overrides=given).get_parsed_content("network").eval()
    torch.save(detector.state_dict(), tmp_path / "model.pt")
    found = measure_as_published(bundle, given)

    maps, masks = [], []
    for item in load_data_set(own["dataset_dir"], "test"):
        image = Image.open(item["image"]).convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            features = detector.encoder(pixels)
            scores = (detector.network(features) - features).pow(2).mean(1, keepdim=True)
        maps.append(F.interpolate(scores, (240, 240), mode="bilinear", align_corners=False).flatten())
        mask = Image.open(item["label"]).resize((64, 64), Image.Resampling.NEAREST)
        fitted = torch.from_numpy(np.array(mask))[None, None]
        masks.append(F.interpolate(fitted, (240, 240), mode="nearest").flatten() > 0)
    lesion, score = torch.cat(masks).numpy(), torch.cat(maps).numpy()
    assert lesion.any()
    # Pillow rounds resized images to 8 bits, ours are not rounded; the network has learnt nothing
    assert found["pixel AUROC"] == pytest.approx(roc_auc_score(lesion, score), abs=1e-2)
    assert found["pixel AP"] == pytest.approx(average_precision_score(lesion, score), abs=1e-2)


@pytest.mark.parametrize("shape", [(240, 240), (512, 512), (512, 1024), (37, 101)])
def test_masks_take_the_way_of_the_published_code(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).integers(0, 2, shape, np.uint8) * np.uint8(255)
    fitted = np.array(Image.fromarray(mask).resize((448, 448), Image.Resampling.NEAREST))
    expected = F.interpolate(torch.from_numpy(fitted)[None, None], (240, 240), mode="nearest")[0] > 0
    assert torch.equal(published_mask(torch.from_numpy(mask)[None, None], (448, 448)), expected)


def test_a_folder_without_sets_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none of the folders brain_mri, liver_ct, retinal_oct"):
        reproduce(tmp_path, tmp_path / "work", {})
