"""A mask is 0 and 1 whatever its file holds, on the grid of its image."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data.dataloader import DataLoader
from monai.data.dataset import Dataset
from monai.data.meta_tensor import MetaTensor
from monai.transforms.compose import Compose
from numpy.typing import NDArray
from PIL import Image

from monai_sar.scans.stored_image import ImageReadError
from monai_sar.transforms.load_mask import LoadMask, LoadMaskd
from monai_sar.transforms.load_slice import LoadSliced

LESION = np.zeros((5, 7), bool)
LESION[1:4, 2:3] = True
LESION[3, 2:6] = True


def save(path: Path, pixels: NDArray[np.generic], **options: Any) -> Path:
    """Write the pixels and return the path."""
    Image.fromarray(pixels).save(path, **options)
    return path


def with_alpha(lesion: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return RGBA ``[H, W, 4]``: white lesion on black, opaque everywhere (as BMAD's brain masks)."""
    rgba = np.repeat(lesion[..., None], 4, axis=-1) * np.uint8(255)
    rgba[..., 3] = 255
    return rgba


def red(lesion: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return RGB ``[H, W, 3]``: a dark red lesion on black."""
    return np.where(lesion[..., None], np.array([60, 0, 0], np.uint8), np.uint8(0))


@pytest.mark.parametrize(
    "pixels",
    [
        LESION,
        LESION * np.uint8(1),
        LESION * np.uint8(255),
        LESION * np.uint16(1),
        LESION * np.uint8(128),
        with_alpha(LESION),
        red(LESION),
    ],
    ids=["1 bit", "0/1", "0/255", "16 bit", "0/128", "RGBA", "red"],
)
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_every_kind_of_mask_reads_the_same(tmp_path: Path, pixels: NDArray[np.generic], extension: str) -> None:
    path = save(tmp_path / f"m.{extension}", pixels)
    mask = LoadMask()(path)
    assert isinstance(mask, MetaTensor)
    assert mask.shape == (1, 5, 7)
    assert mask.dtype == torch.uint8
    np.testing.assert_array_equal(mask[0].numpy(), LESION)
    assert mask.meta["filename_or_obj"] == str(path)


def test_palette_index_is_not_what_counts_but_its_colour(tmp_path: Path) -> None:
    paletted = Image.fromarray(np.where(LESION, 2, 1).astype(np.uint8)).convert("P")
    paletted.putpalette([9, 9, 9, 0, 0, 0, 0, 80, 0])
    paletted.save(tmp_path / "m.png")
    np.testing.assert_array_equal(LoadMask()(tmp_path / "m.png")[0].numpy(), LESION)


def test_an_opaque_black_mask_is_empty(tmp_path: Path) -> None:
    assert not LoadMask()(save(tmp_path / "m.png", with_alpha(np.zeros((5, 7), bool)))).any()


def test_jpeg_edges_are_not_lesion(tmp_path: Path) -> None:
    lesion = np.zeros((40, 48), bool)
    lesion[8:30, 11:33] = True
    for name, options in (("m.jpg", {}), ("m.tif", {"compression": "jpeg"})):
        path = save(tmp_path / name, lesion * np.uint8(255), quality=75, **options)
        stored = np.asarray(Image.open(path))
        assert (stored[~lesion] > 0).any()  # what a threshold at zero would have taken for lesion
        np.testing.assert_array_equal(LoadMask()(path)[0].numpy(), lesion, err_msg=name)


def test_black_jpeg_is_empty_but_a_dark_one_is_refused(tmp_path: Path) -> None:
    assert not LoadMask()(save(tmp_path / "black.jpg", np.zeros((16, 16), np.uint8))).any()
    path = save(tmp_path / "dark.jpg", np.full((16, 16), 1, np.uint8))
    with pytest.raises(ImageReadError, match=r"dark\.jpg: found a JPEG mask whose largest value is 1"):
        LoadMask()(path)


def test_no_path_gives_an_empty_mask_of_the_images_size() -> None:
    mask = LoadMask()(None, torch.ones(3, 5, 7))
    assert mask.shape == (1, 5, 7)
    assert mask.dtype == torch.uint8
    assert not mask.any()
    with pytest.raises(ValueError, match="neither"):
        LoadMask()(None)


def test_another_size_than_the_image_names_both_files_and_sizes(tmp_path: Path) -> None:
    image = save(tmp_path / "image.png", np.zeros((7, 5), np.uint8))
    mask = save(tmp_path / "mask.png", LESION)
    load = Compose([LoadSliced("image"), LoadMaskd()])
    with pytest.raises(RuntimeError) as error:  # Compose wraps what a transform raises
        load({"image": str(image), "label": str(mask)})
    cause = error.value.__cause__
    assert isinstance(cause, ImageReadError)
    for part in (str(image), str(mask), "5 rows x 7 columns", "7 x 5"):
        assert part in str(cause)


def test_an_image_that_is_not_loaded_yet_is_told(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="found a str under 'image'"):
        LoadMaskd()({"image": "x.png", "label": None})


def test_the_dictionary_transform_equals_the_array_transform(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", LESION)
    data: dict[Hashable, Any] = {"scan": torch.zeros(1, 5, 7), "mask": str(path)}
    loaded = LoadMaskd("mask", image_key="scan")(data)
    assert torch.equal(loaded["mask"], LoadMask()(path))
    assert data["mask"] == str(path)  # the input is left as it was


def test_masks_with_and_without_file_are_collated(tmp_path: Path) -> None:
    image = str(save(tmp_path / "i.png", np.zeros((5, 7), np.uint8)))
    mask = str(save(tmp_path / "m.png", LESION))
    items = [{"image": image, "label": mask}, {"image": image, "label": None}]
    [batch] = DataLoader(Dataset(items, Compose([LoadSliced("image"), LoadMaskd()])), batch_size=2)
    assert batch["label"].shape == (2, 1, 5, 7)
    assert batch["label"].sum(dim=(1, 2, 3)).tolist() == [int(LESION.sum()), 0]
