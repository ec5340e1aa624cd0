"""Embeddings on disk: what is read is what was written, whatever happened to the files."""

import itertools
import json
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from monai_sar._atomic import atomic_path
from monai_sar.features.feature_store import FeatureStore, FeatureStoreError
from tests.full_disk import files_limited_to

SETTINGS = {"encoder": {"sha256": "0" * 64, "layers": [11]}, "image_size": [32, 48]}


def embeddings(count: int, shape: tuple[int, int, int] = (4, 2, 3)) -> dict[str, Tensor]:
    """Embeddings by made-up names, and among them the extremes of float16."""
    generator = torch.Generator().manual_seed(0)
    named = {f"{index:064}": torch.randn(shape, generator=generator).half() for index in range(count)}
    next(iter(named.values())).view(-1)[:4] = torch.tensor([65504, -65504, 6e-8, -0.0]).half()
    return named


def same_bits(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape and torch.equal(left.view(torch.int16), right.view(torch.int16))


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    store, named = FeatureStore(tmp_path / "features", SETTINGS), embeddings(3)
    assert {store.check(key) for key in named} == {"missing"}
    assert not (tmp_path / "features").exists()
    store.write(named)
    for opened in (store, FeatureStore(tmp_path / "features", SETTINGS)):
        for key, grid in named.items():
            assert opened.check(key) == "whole"
            assert same_bits(opened.read(key), grid)
    assert {path.name for path in store.folder.iterdir()} == {*(f"{key}.safetensors" for key in named), "settings.json"}
    assert json.loads((store.folder / "settings.json").read_text()).items() >= SETTINGS.items()


def test_any_other_image_has_another_name(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, SETTINGS)
    image = torch.rand(1, 6, 4)
    assert store.key(image) == store.key(image.clone()) == FeatureStore(tmp_path / "b", SETTINGS).key(image)
    nudged = image.clone()
    nudged[0, 5, 3] = torch.nextafter(nudged[0, 5, 3], torch.tensor(2.0))
    others = [nudged, image.flip(1), image.view(1, 4, 6), image.expand(3, -1, -1), image[:, :5]]
    assert len({store.key(other) for other in [image, *others]}) == 6


def test_any_other_setting_finds_nothing(tmp_path: Path) -> None:
    named = embeddings(1)
    FeatureStore(tmp_path, SETTINGS).write(named)
    for changed in (
        SETTINGS | {"image_size": [48, 32]},
        SETTINGS | {"preprocessing": {}},
        SETTINGS | {"encoder": {"sha256": "0" * 63 + "1", "layers": [11]}},
    ):
        assert FeatureStore(tmp_path, changed).check(next(iter(named))) == "missing"
    reordered = dict(reversed(SETTINGS.items()))
    assert FeatureStore(tmp_path, reordered).check(next(iter(named))) == "whole"


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    store, named = FeatureStore(tmp_path, SETTINGS), embeddings(1)
    ((key, grid),) = named.items()
    store.write(named)
    content = store.path(key).read_bytes()
    for position, bit in itertools.product(range(len(content)), range(8)):
        changed = bytearray(content)
        changed[position] ^= 1 << bit
        store.path(key).write_bytes(changed)
        # a bit of the padding may change nothing at all
        assert store.check(key) == "damaged" or same_bits(store.read(key), grid), (position, bit)
    store.path(key).write_bytes(content)
    assert store.check(key) == "whole"


def test_a_file_that_is_cut_off_is_found_and_never_read(tmp_path: Path) -> None:
    store, named = FeatureStore(tmp_path, SETTINGS), embeddings(1)
    (key,) = named
    store.write(named)
    content = store.path(key).read_bytes()
    for changed in (*(content[:length] for length in range(len(content))), content + b"\0", bytes(len(content))):
        store.path(key).write_bytes(changed)
        assert store.check(key) == "damaged"
        with pytest.raises(FeatureStoreError, match=f"{key}.*Start again"):
            store.read(key)
    store.path(key).unlink()
    with pytest.raises(FeatureStoreError, match=f"{key}.*cleared"):
        store.read(key)


def test_a_file_under_another_name_is_damaged(tmp_path: Path) -> None:
    store, other_store = FeatureStore(tmp_path, SETTINGS), FeatureStore(tmp_path, {})
    first, second = embeddings(2)
    store.write(embeddings(1))
    other_store.write(embeddings(1))
    for target in (store.path(second), other_store.path(first)):
        target.write_bytes(store.path(first).read_bytes())
    assert store.check(first) == "whole"
    assert store.check(second) == "damaged"
    assert other_store.check(first) == "damaged"


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    store, named = FeatureStore(tmp_path, SETTINGS), embeddings(1)
    ((key, grid),) = named.items()
    store.write(named)
    store.path(key).write_bytes(b"damaged")
    store.write(named)
    assert store.check(key) == "whole"
    assert same_bits(store.read(key), grid)


def test_too_little_space_is_told_before_anything_is_encoded(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features", SETTINGS)
    store.require(store.free_bytes // 2)
    with pytest.raises(FeatureStoreError) as error:
        store.require(2**60)
    for part in (str(store.folder), "No space left", f"take {2**40:.1f} MiB", "MiB are free", "feature_store: memory"):
        assert part in str(error.value)
    assert not store.folder.exists()


def test_too_little_space_for_a_batch_leaves_nothing(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features", SETTINGS)
    huge = torch.zeros(1, dtype=torch.float16).expand(2**20, 2**20, 2**10)  # a view: it has the size alone
    with pytest.raises(FeatureStoreError, match="No space left"):
        store.write({"f" * 64: huge})
    assert not store.folder.exists()


def test_a_write_that_fails_leaves_what_is_whole_and_nothing_else(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, SETTINGS)
    named = embeddings(2) | {"f" * 64: torch.zeros(64, 8, 8).half()}
    with files_limited_to(2000), pytest.raises(FeatureStoreError, match="File too large.*MiB are free"):
        store.write(named)
    states = [store.check(key) for key in named]
    assert states == ["whole", "whole", "missing"]
    assert len(list(store.folder.iterdir())) == 3


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("a file")
    store = FeatureStore(tmp_path / "features", SETTINGS)
    with pytest.raises(FeatureStoreError, match="Cannot write to the feature store '.*features/"):
        store.write(embeddings(1))


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, SETTINGS)
    store.write(embeddings(1))
    killed, elsewhere = store.folder / ".partial-b.safetensors", tmp_path / "other" / ".partial-c.safetensors"
    elsewhere.parent.mkdir()
    for path in (killed, elsewhere):
        path.write_bytes(b"half")
    for path in store.folder.glob("0*"):  # what is whole stays, however old
        os.utime(path, (0, 0))
    with atomic_path(store.folder / "living.safetensors") as living:
        FeatureStore(tmp_path, SETTINGS)
        assert living.exists()
    assert not killed.exists()
    assert not elsewhere.exists()
    assert store.check(next(iter(embeddings(1)))) == "whole"
