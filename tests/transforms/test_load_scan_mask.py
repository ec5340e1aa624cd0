"""Masks of every kind lie on the grid of their scan."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose
from numpy.typing import NDArray
from PIL import Image

from monai_sar._root_cause import root_cause
from monai_sar.results.dicom_segmentation import write_segmentation
from monai_sar.scans import ScanError, ScanOrigin
from monai_sar.transforms import EmptyMaskd, LoadScand, LoadScanMaskd, OrientDrawnd, OrientSlicesd
from tests.conftest import OBLIQUE, head, one_study, save_nifti


def load(item: dict[str, Any]) -> Any:
    try:
        return LOAD(item)
    except RuntimeError as error:  # MONAI's wrapper
        raise root_cause(error) from None


LOAD = Compose([LoadScand("image"), LoadScanMaskd(["label", "region"], allow_missing_keys=True)])


def some(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.random.default_rng(0).random(shape) > 0.8


def test_a_nifti_mask(tmp_path: Path) -> None:
    mask = some(head().shape)
    nib.save(nib.nifti1.Nifti1Image(mask.astype(np.float32) * 2, OBLIQUE), tmp_path / "mask.nii.gz")
    item = load({"image": save_nifti(tmp_path / "scan.nii.gz"), "label": tmp_path / "mask.nii.gz"})
    np.testing.assert_array_equal(item["label"][0].numpy() > 0, mask)
    assert item["label"].max() == 1
    np.testing.assert_allclose(item["label"].affine, item["image"].affine, atol=1e-4)


def test_an_empty_mask_is_fine(tmp_path: Path) -> None:
    nib.save(nib.nifti1.Nifti1Image(np.zeros(head().shape, np.uint8), OBLIQUE), tmp_path / "mask.nii")
    assert not load({"image": save_nifti(tmp_path / "scan.nii.gz"), "label": tmp_path / "mask.nii"})["label"].any()


def test_an_image_mask_of_a_slice(tmp_path: Path) -> None:
    pixels, mask = head()[..., 0].astype(np.uint16), some(head().shape[:2])
    Image.fromarray(pixels).save(tmp_path / "slice.png")
    Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    both = Compose([LOAD, OrientSlicesd("image"), OrientDrawnd("label")])(
        {"image": tmp_path / "slice.png", "label": tmp_path / "mask.png"}
    )
    np.testing.assert_array_equal(both["image"][0, ..., 0].numpy(), pixels)  # rows and columns as stored
    np.testing.assert_array_equal(both["label"][0, ..., 0].numpy() > 0, mask)


@pytest.mark.parametrize("folder", [False, True])
def test_a_dicom_segmentation(write_series: Callable[..., Any], tmp_path: Path, folder: bool) -> None:
    write_series(tmp_path / "series", edit=one_study())
    origin = ScanOrigin.of(LoadScand("image")({"image": tmp_path / "series"})["image"])
    sources = [pydicom.dcmread(file) for file in origin.instances]
    mask = some((sources[0].Columns, sources[0].Rows, len(sources)))
    mask[..., 0] = False
    (tmp_path / "masks").mkdir()
    write_segmentation(tmp_path / "masks" / "m.dcm", mask, sources)
    path = tmp_path / "masks" if folder else tmp_path / "masks" / "m.dcm"
    item = load({"image": tmp_path / "series", "region": path})
    np.testing.assert_array_equal(np.moveaxis(item["region"][0].numpy() > 0, origin.slice_axis, 2), mask)


def test_what_is_no_mask_of_the_scan_is_told(write_series: Callable[..., Any], tmp_path: Path) -> None:
    scan = save_nifti(tmp_path / "scan.nii.gz")
    Image.fromarray(np.zeros((3, 4), np.uint8)).save(tmp_path / "mask.png")
    with pytest.raises(ScanError, match=r"found a mask of 3 rows x 4 columns.*which has 5 slices"):
        load({"image": scan, "label": tmp_path / "mask.png"})
    with pytest.raises(ScanError, match="does not exist"):
        load({"image": scan, "label": tmp_path / "missing.nii.gz"})
    write_series(tmp_path / "series")
    with pytest.raises(ScanError, match="no Segmentation"):
        load({"image": scan, "label": next((tmp_path / "series").iterdir())})
    nib.save(nib.nifti1.Nifti1Image(np.full(head().shape, np.nan, np.float32), OBLIQUE), tmp_path / "nan.nii")
    with pytest.raises(ScanError, match="mark nothing"):
        load({"image": scan, "label": tmp_path / "nan.nii"})
    nib.save(nib.nifti1.Nifti1Image(head().astype(np.float32) - 1000, OBLIQUE), tmp_path / "ct.nii")
    with pytest.raises(ScanError, match="values down to -1000, as an image does"):
        load({"image": scan, "region": tmp_path / "ct.nii"})


@pytest.mark.parametrize(("item", "known"), [({}, True), ({"abnormal": 0}, True), ({"abnormal": 1}, False)])
def test_an_empty_mask_says_whether_it_is_known_to_be_empty(item: dict[Hashable, Any], known: bool) -> None:
    image = MetaTensor(torch.zeros(1, 3, 4, 5))
    filled = EmptyMaskd("label")({"image": image, **item})
    assert filled["label"].shape == (1, 3, 4, 5)
    assert not filled["label"].any()
    assert filled["label_known"] is known
    given = EmptyMaskd("label")({"image": image, "label": image + 1, **item})
    assert given["label_known"] is True
