"""Volumes lie where their headers say, whatever the order of the stored axes."""
# nibabel types only part of itself
# mypy: allow-untyped-calls

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.data.meta_tensor import MetaTensor
from monai.transforms.io.array import LoadImage
from monai.transforms.spatial.array import Orientation

from monai_sar.phantoms import BrainPhantom, LesionKind, make_brain_phantom
from monai_sar.phantoms.brain_mri.nifti_volumes import STORED_AXES, write_nifti_volume


@pytest.fixture(scope="module")
def phantom() -> BrainPhantom:
    return make_brain_phantom(0, 9500, LesionKind.TUMOUR)


@pytest.fixture(scope="module")
def folder(phantom: BrainPhantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nifti")
    for subject in range(len(STORED_AXES)):
        write_nifti_volume(phantom, folder, subject)
    return folder


@pytest.mark.parametrize("subject", range(len(STORED_AXES)))
def test_both_files_say_where_they_lie_and_are_oblique(folder: Path, subject: int) -> None:
    pair = [nib.nifti1.load(folder / f"phantom_{subject:04d}_{name}.nii.gz") for name in ("flair", "lesion")]
    assert [image.get_data_dtype() for image in pair] == [np.int16, np.uint8]
    assert nib.orientations.aff2axcodes(pair[0].affine) == tuple(STORED_AXES[subject])
    for image in pair:
        np.testing.assert_array_equal(image.affine, pair[0].affine)
        for affine, code in (image.header.get_qform(coded=True), image.header.get_sform(coded=True)):
            assert code == 1
            np.testing.assert_allclose(affine, image.affine, atol=1e-3)
        assert image.header.get_xyzt_units()[0] == "mm"
        assert sorted(np.round(image.header.get_zooms(), 4)) == [1, 1, 5]
        off_axis = np.sort(np.abs(image.affine[:3, :3] / image.header.get_zooms()).ravel())[:6]
        assert off_axis.max() > 0.05


@pytest.mark.parametrize("subject", range(len(STORED_AXES)))
def test_monai_orientation_pls_gives_slices_as_displayed(folder: Path, subject: int, phantom: BrainPhantom) -> None:
    load = LoadImage(image_only=True, ensure_channel_first=True)
    image, mask = (
        Orientation(axcodes="PLS")(load(folder / f"phantom_{subject:04d}_{name}.nii.gz"))
        for name in ("flair", "lesion")
    )
    assert isinstance(image, MetaTensor)
    np.testing.assert_array_equal(image[0].numpy(), np.round(phantom.image))
    np.testing.assert_array_equal(mask[0].numpy() > 0, phantom.mask)
    np.testing.assert_allclose(image.affine.numpy(), phantom.affine, atol=1e-3)


def test_volumes_are_stored_in_several_axis_orders(folder: Path) -> None:
    assert {nib.nifti1.load(path).shape for path in folder.glob("*_flair.nii.gz")} == {
        (160, 192, 24),
        (192, 160, 24),
        (24, 192, 160),
    }
