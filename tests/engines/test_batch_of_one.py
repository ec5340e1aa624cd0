"""A batch of one is what MONAI makes of it, in the memory of the item."""

from typing import Any

import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor, decollate_batch, list_data_collate

from monai_sar.engines import batch_of_one


def make_item() -> dict[str, Any]:
    image = MetaTensor(torch.rand(1, 4, 5, 6), affine=torch.diag(torch.tensor([2.0, 3.0, 4.0, 1.0])))
    image.meta |= {"filename_or_obj": "ct.nii", "notes": ["one", "two"], "slice_axis": 2}
    image.applied_operations = [{"class": "Flip", "orig_size": (4, 5, 6)}]
    return {"image": image, "label": torch.ones(1, 4, 5, 6, dtype=torch.uint8), "label_known": True, "abnormal": False}


def test_it_is_the_batch_that_monai_makes() -> None:
    item = make_item()
    batch, other = batch_of_one([item]), list_data_collate([item])
    assert batch.keys() == other.keys()
    assert {key: type(value) for key, value in batch.items()} == {key: type(value) for key, value in other.items()}
    assert all(torch.equal(batch[key], other[key]) for key in ("image", "label", "label_known", "abnormal"))
    assert batch["image"].is_batch
    assert batch["image"].applied_operations == other["image"].applied_operations
    assert torch.equal(batch["image"].affine, other["image"].affine)
    (image,), (expected,) = decollate_batch(batch["image"]), decollate_batch(other["image"])
    assert repr(image.meta) == repr(expected.meta)
    assert image.applied_operations == expected.applied_operations


def test_it_is_no_copy_up_to_the_items_of_an_engine() -> None:
    item = make_item()
    (batch,) = DataLoader(Dataset([item]), batch_size=1, num_workers=0, collate_fn=batch_of_one)
    assert batch["image"].shape == (1, 1, 4, 5, 6)
    (back,) = decollate_batch(batch)
    for key in ("image", "label"):
        assert back[key].data_ptr() == item[key].data_ptr()


def test_several_items_are_refused() -> None:
    with pytest.raises(ValueError, match="Found 2 items, expected one"):
        batch_of_one([make_item(), make_item()])
