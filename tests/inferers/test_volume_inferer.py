"""A volume is its slices, whatever the batch, and empty slices cost nothing."""

# nibabel is typed in part
# mypy: disable-error-code="no-untyped-call, attr-defined"
from contextlib import redirect_stderr
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator
from monai.inferers import SliceInferer
from monai.transforms import Compose, Invertd
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from monai_sar.inferers import VolumeInferer, average_over_axes
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SliceSmoothing, SpatialARNet
from monai_sar.transforms.foreground import has_foreground
from monai_sar.transforms.load_scan import LoadScand
from monai_sar.transforms.orient_slices import OrientSlicesd
from tests.terminal import Terminal


class Blur(nn.Module):
    """A small network whose map depends on the neighbourhood; it keeps the sizes of the batches it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
        for number, parameter in enumerate(self.parameters()):
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(number))
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        scores: Tensor = self.layers(images)
        return scores


class Keep(nn.Module):
    """The map is the image."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def volume(depth: int, seed: int = 0) -> Tensor:
    """Intensities in [0, 1] of 20 x 24 x depth voxels."""
    return torch.rand((1, 1, 20, 24, depth), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("depth", [1, 7])
@pytest.mark.parametrize("slices_per_batch", [1, 2, 3, 7, 100])
def test_the_map_is_that_of_the_slices_one_by_one(depth: int, slices_per_batch: int) -> None:
    network = Blur()
    maps = VolumeInferer(slices_per_batch)(volume(depth), network)
    assert maps.shape == (1, 1, 20, 24, depth)
    assert maps.dtype == torch.float32
    assert not maps.requires_grad
    one_by_one = torch.stack([network(volume(depth)[..., index]) for index in range(depth)], dim=-1)
    torch.testing.assert_close(maps, one_by_one, atol=1e-5, rtol=1e-5)


def test_no_bit_depends_on_the_batch_where_the_network_rounds_the_same() -> None:
    """Elementwise networks do; so do repeated runs of any network with one batch size."""
    expected = volume(7).square()
    for slices_per_batch in (1, 2, 7):
        assert torch.equal(VolumeInferer(slices_per_batch)(volume(7), torch.square), expected)
    first, second = (VolumeInferer(3)(volume(7), Blur()) for _ in range(2))
    assert torch.equal(first, second)


def test_without_empty_slices_it_is_monais_slice_inferer() -> None:
    monai = SliceInferer(spatial_dim=2, roi_size=(-1, -1), sw_batch_size=3)
    with torch.no_grad():
        expected = monai(volume(7), Blur())
    torch.testing.assert_close(VolumeInferer(3)(volume(7), Blur()), expected, atol=1e-5, rtol=1e-5)


def test_empty_slices_are_never_sent_and_score_zero() -> None:
    scan = volume(9)
    empty = [0, 3, 4, 8]
    scan[..., 0] = 0
    scan[..., 3] = 0.7
    scan[..., [4, 8]] *= 0.02  # noise of the air
    network = Blur()
    maps = VolumeInferer(2)(scan, network)
    assert network.batches == [2, 2, 1]
    assert not maps[..., empty].any()
    full = [1, 2, 5, 6, 7]
    assert torch.equal(maps[..., full], VolumeInferer(2)(scan[..., full], Blur()))


def test_what_is_in_other_slices_does_not_matter() -> None:
    scan, brighter = volume(5), volume(5)
    scan[..., 2] *= 0.03
    brighter[..., 2] *= 0.03
    brighter[..., [0, 1, 3, 4]] *= 100
    assert torch.equal(VolumeInferer(1)(scan, Blur())[..., 2], VolumeInferer(1)(brighter, Blur())[..., 2])


def test_a_slice_shows_something_from_one_pixel_in_a_thousand() -> None:
    scan = torch.zeros(100, 50, 4)
    scan[0, :4, 1] = 0.4
    scan[0, :5, 2] = 0.4
    scan[0, :5, 3] = 0.02
    assert [has_foreground(image) for image in scan.unbind(-1)] == [False, False, True, False]


@pytest.mark.parametrize("value", [0.0, 0.6, float("nan")])
def test_a_volume_that_shows_nothing_is_refused(value: float) -> None:
    """A map of zeros would call it the most normal of all scans."""
    with pytest.raises(ValueError, match=r"None of the 3 slices.*intensity transform fits"):
        VolumeInferer()(torch.full((1, 1, 8, 8, 3), value), Keep())


def test_meta_stays_and_the_input_is_not_changed() -> None:
    affine = torch.diag(torch.tensor([2.0, 3, 4, 1], dtype=torch.float64))
    scan = MetaTensor(volume(3)[0], affine=affine, meta={"filename_or_obj": "brain.nii"})
    [batch] = DataLoader(Dataset([{"image": scan}]), batch_size=1)
    maps = VolumeInferer()(batch["image"], Keep())
    assert isinstance(maps, MetaTensor)
    assert torch.equal(maps.affine, affine[None])
    assert maps.meta["filename_or_obj"] == ["brain.nii"]
    maps.fill_(7)
    assert torch.equal(batch["image"].as_tensor(), volume(3))


def test_arguments_reach_the_network() -> None:
    maps = VolumeInferer()(volume(3), torch.add, 2.0, alpha=0.5)
    torch.testing.assert_close(maps, volume(3) + 1)


def test_half_precision_comes_back_as_float32() -> None:
    maps = VolumeInferer()(volume(3), lambda images: images.half())
    assert torch.equal(maps, volume(3).half().float())


def test_progress_is_shown_on_request(terminal: Terminal) -> None:
    with redirect_stderr(terminal.file):
        VolumeInferer(2)(volume(5), Keep())
        assert terminal.shown() == ""
        VolumeInferer(2, progress=True)(volume(5), Keep())
    assert "Mapping slices:   0%" in terminal.shown()


@pytest.mark.parametrize("shape", [(1, 8, 8, 3), (2, 1, 8, 8, 3), (1, 1, 8, 8, 0)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \[1, C, H, W, D\]"):
        VolumeInferer()(torch.rand(shape), Keep())


def test_channels_go_through_the_network_together() -> None:
    scan = torch.rand(1, 3, 8, 8, 3)
    summed = VolumeInferer()(scan, lambda image: image.sum(dim=1, keepdim=True))
    torch.testing.assert_close(summed, scan.sum(dim=1, keepdim=True))


def test_a_network_without_a_score_per_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="one score for every pixel"):
        VolumeInferer()(torch.rand(1, 3, 8, 8, 3), Keep())  # three, one for each channel
    with pytest.raises(ValueError, match="one score for every pixel"):
        VolumeInferer()(volume(3), nn.AdaptiveAvgPool2d(1))


def test_a_batch_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="slices_per_batch is 0"):
        VolumeInferer(0)


def oblique_affine(seed: int) -> Tensor:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.random(random_state=seed).as_matrix() * (0.9, 1.0, 3.0)
    affine[:3, 3] = (-20, 35, 60)
    return torch.from_numpy(affine)


@pytest.mark.parametrize("axis", ["acquisition", "axial", "coronal", "sagittal"])
def test_an_engine_maps_an_oblique_file_in_its_own_grid(tmp_path: Path, axis: str) -> None:
    """File -> slices -> network -> map: with the image as its map, every voxel is where it was."""
    affine = oblique_affine(1).numpy()
    voxels = np.random.default_rng(0).random((9, 12, 5)).astype(np.float32)
    nib.save(nib.Nifti1Image(voxels, affine), tmp_path / "scan.nii.gz")
    preprocessing = Compose([LoadScand("image"), OrientSlicesd("image", axis=axis)])
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset([{"image": tmp_path / "scan.nii.gz"}], preprocessing), batch_size=1),
        network=Keep(),
        inferer=VolumeInferer(slices_per_batch=2),
        postprocessing=Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False),
    )
    evaluator.run()
    pred = evaluator.state.output[0]["pred"]
    np.testing.assert_array_equal(pred[0].numpy(), voxels)
    np.testing.assert_array_equal(pred.affine.numpy(), nib.load(tmp_path / "scan.nii.gz").affine)


@pytest.mark.parametrize("seed", range(4))
def test_maps_of_all_axes_are_averaged_in_the_grid_of_the_scan(seed: int) -> None:
    image = MetaTensor(volume(7)[0], affine=oblique_affine(seed), meta={"slice_axis": 2})
    same = average_over_axes(image, Keep(), VolumeInferer(4))
    torch.testing.assert_close(same.as_tensor(), image.as_tensor())
    assert torch.equal(same.affine, image.affine)
    assert same.applied_operations == image.applied_operations == []
    each = [average_over_axes(image, Blur(), VolumeInferer(4), axes=[axis]) for axis in ("axial", "coronal")]
    both = average_over_axes(image, Blur(), VolumeInferer(4), axes=["axial", "coronal"])
    torch.testing.assert_close(both.as_tensor(), torch.stack([map_.as_tensor() for map_ in each]).mean(0))
    assert not torch.allclose(each[0].as_tensor(), each[1].as_tensor())


def test_averaging_over_no_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="No axes"):
        average_over_axes(MetaTensor(volume(3)[0]), Keep(), VolumeInferer(), axes=())


def smoothing_detector(sigma: float) -> AnomalyDetector:
    """Never trained, for images of 32 x 48."""
    torch.manual_seed(0)
    encoder = DINOv3Encoder("vit_tiny_patch16_224", weights="random")
    network = SpatialARNet(2, encoder.channels, hidden_channels=8)
    return AnomalyDetector(encoder, network, image_size=(32, 48), smoothing_across=sigma).eval()


def test_a_detector_that_smooths_across_slices_does_so_whatever_the_batch() -> None:
    """One by one, in batches, or collated: the maps of the slices, averaged with those beside them."""
    detector, affine = smoothing_detector(5.0), torch.diag(torch.tensor([1.0, 1, 4, 1], dtype=torch.float64))
    scan = MetaTensor(volume(6)[0], affine=affine)
    scan[..., 3] = 0
    plain = VolumeInferer(4)(scan[None], smoothing_detector(0))
    shown = [0, 1, 2, 4, 5]
    expected = SliceSmoothing(5.0)(plain[0, 0].as_tensor().clone(), apart=4.0, scored=shown)[None]
    for slices_per_batch in (1, 4):
        maps = VolumeInferer(slices_per_batch)(scan[None], detector)
        torch.testing.assert_close(maps[0].as_tensor(), expected, atol=1e-5, rtol=1e-5)
    [batch] = DataLoader(Dataset([{"image": scan}]), batch_size=1)
    torch.testing.assert_close(
        VolumeInferer(4)(batch["image"], detector)[0].as_tensor(), expected, atol=1e-5, rtol=1e-5
    )
    assert not torch.allclose(maps[0].as_tensor(), plain[0].as_tensor())


def test_a_single_slice_is_not_smoothed_across() -> None:
    scan = volume(1)
    torch.testing.assert_close(
        VolumeInferer()(scan, smoothing_detector(5.0)), VolumeInferer()(scan, smoothing_detector(0))
    )


def test_how_far_slices_are_apart_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="a plain tensor does not tell how many mm these are apart"):
        VolumeInferer()(volume(3), smoothing_detector(5.0))
