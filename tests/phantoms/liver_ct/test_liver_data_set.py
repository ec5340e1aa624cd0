"""What is written: liver cut-outs that are read as BMAD, too varied for a threshold, and whole series."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from monai_sar.datasets.bmad import find_bmad_layout, find_bmad_problems, load_bmad_datalist
from monai_sar.datasets.bmad_layouts import SPLITS
from monai_sar.phantoms import write_phantoms
from monai_sar.phantoms.liver_ct import LIVER_CT, LiverLesionKind, make_liver_phantom


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phantoms")
    counts = {
        "train": 1,
        "valid_normal": 1,
        "valid_abnormal": 1,
        "test_normal": 2,
        "test_abnormal": 6,
        "volumes_normal": 1,
        "volumes_abnormal": 1,
    }
    assert write_phantoms(LIVER_CT, root, **counts, slices_per_subject=4)
    return root


def test_the_layout_is_read_as_bmad(root: Path) -> None:
    layout = find_bmad_layout(root / "bmad")
    for split in SPLITS:
        assert find_bmad_problems(layout, split) == []
    assert len(load_bmad_datalist(root / "bmad", "train")) == 4
    test = load_bmad_datalist(root / "bmad", "test")
    assert sum(1 - item["abnormal"] for item in test) == 2 * 4
    assert sum(item["abnormal"] for item in test) >= 6


def test_a_slice_is_the_liver_alone_in_its_window(root: Path) -> None:
    phantom = make_liver_phantom(0, 8001, list(LiverLesionKind)[8001 % 3])
    paths = sorted(root.glob("bmad/test/Ungood/img/phantom_8001_*.png"))
    assert paths
    for path in paths:
        k = int(path.stem[-2:])
        values, liver = pixels(path), phantom.liver[:, :, k]
        assert values.dtype == np.uint16
        assert not values[~liver].any()
        expected = np.clip(phantom.image[:, :, k][liver], -125, 275)
        np.testing.assert_allclose(values[liver] / 65535 * 400 - 125, expected, atol=0.01)
        mask = pixels(path.parents[1] / "label" / path.name)
        np.testing.assert_array_equal(mask > 0, phantom.mask[:, :, k])


def test_volumes_are_series_and_only_the_abnormal_have_lesions(root: Path) -> None:
    assert {path.name for path in (root / "dicom").iterdir()} == {
        f"phantom_{number}_{part}" for number in (9000, 9500) for part in ("ct", "liver.nii.gz", "lesion.nii.gz")
    }
    assert len(list(root.glob("dicom/*_ct/*.dcm"))) == 2 * 28


def test_no_threshold_finds_the_lesions(root: Path) -> None:
    items = load_bmad_datalist(root / "bmad", "test")
    images = np.stack([pixels(item["image"]) for item in items]).astype(np.float64)
    labels = (Path(item["image"]).parents[1] / "label" / Path(item["image"]).name for item in items)
    masks = np.stack([pixels(label) > 0 for label in labels])
    liver = images > 0
    assert 0.13 < roc_auc_score(masks[liver], -images[liver]) < 0.87  # dark finds some kinds, bright others
    # as in BMAD, the black around the liver makes brightness look good over all pixels
    assert roc_auc_score(masks.ravel(), images.ravel()) > 0.85
