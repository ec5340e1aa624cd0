"""Files of tensors: the same bytes each time, and no damage that passes."""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monai_sar.networks.torch_file import DamagedFileError, check_archive, load_torch, save_torch

CONTENT: dict[str, Any] = {"weight": torch.arange(40.0), "more": {"epoch": 3, "name": "text"}}


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.pt", "another_name.pt"):
        save_torch(CONTENT, tmp_path / name)
    one, other = (hashlib.sha256(path.read_bytes()).digest() for path in sorted(tmp_path.iterdir()))
    assert one == other


def test_a_flipped_bit_is_seen_or_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save_torch(CONTENT, path)
    content = path.read_bytes()
    # the last is one that makes PyTorch's reader take a part for a folder, and give memory as it finds it
    attributes = content.find(b"archive/data/0", content.find(b"PK\1\2")) - 8
    flips = [*np.random.default_rng(0).choice(8 * len(content), 300, replace=False), 8 * attributes + 4]
    seen = 0
    for flip in flips:
        changed = bytearray(content)
        changed[flip // 8] ^= 1 << (flip % 8)
        path.write_bytes(changed)
        try:
            loaded = load_torch(path)
        except Exception:  # whichever reader met it first
            seen += 1
            continue
        assert torch.equal(loaded["weight"], CONTENT["weight"]), flip
        assert loaded["more"] == CONTENT["more"], flip
    assert seen > 100


@pytest.mark.parametrize("harm", ["compressed", "twice"])
def test_parts_that_pytorch_does_not_write_are_refused(tmp_path: Path, harm: str) -> None:
    save_torch(CONTENT, tmp_path / "model.pt")
    kind = zipfile.ZIP_DEFLATED if harm == "compressed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(tmp_path / "model.pt") as stored, zipfile.ZipFile(tmp_path / "other.pt", "w", kind) as other:
        for part in stored.namelist():
            other.writestr(part, stored.read(part))
        if harm == "twice":
            with pytest.warns(UserWarning, match="Duplicate name"):
                other.writestr("archive/data/0", b"")
    with pytest.raises(DamagedFileError):
        load_torch(tmp_path / "other.pt")


def test_the_checksums_of_an_archive_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "encoder.pth"
    torch.save(CONTENT, path)
    check_archive(path)
    content = bytearray(path.read_bytes())
    content[content.find(torch.arange(40.0).numpy().tobytes()) + 9] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="checksum"):
        check_archive(path)
    path.write_bytes(b"no archive")
    check_archive(path)
