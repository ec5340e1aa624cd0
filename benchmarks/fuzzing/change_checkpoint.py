"""Checkpoints that say something else, or hold other tensors, parts or code; sound as files of PyTorch."""

import io
import json
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import torch

from benchmarks.fuzzing.change_bytes import damaged
from benchmarks.fuzzing.change_json import changed_json, written_json
from monai_sar.networks.checkpoint import EXTRA_STATE_BYTES

__all__ = ["change_parts", "change_said", "change_tensors"]


class _Touch:
    """Runs a command where it is unpickled without care."""

    def __reduce__(self) -> Any:
        return os.system, ("touch canary",)


def change_said(content: bytes, random: Random) -> tuple[bytes, str]:
    """Change what a checkpoint says of itself: settings, calibration, witnesses."""
    state = _state(content)
    document, done = changed_json(json.loads(bytes(state["_extra_state"].tolist()).decode()), random)
    written, how = written_json(document, random)
    if random.random() < 0.8:
        written = written.ljust(-(-len(written) // EXTRA_STATE_BYTES) * EXTRA_STATE_BYTES)
    state["_extra_state"] = torch.frombuffer(bytearray(written or b"0"), dtype=torch.uint8)
    return _stored(state), f"{done}; {how}"


def change_tensors(content: bytes, random: Random) -> tuple[bytes, str]:
    """Put another tensor, or another value, in the place of one."""
    state = _state(content)
    name = random.choice(list(state))
    tensor = state[name]
    others: dict[str, Callable[[], Any]] = {
        "gone": lambda: None,
        "cut": lambda: tensor[:1],
        "empty": lambda: tensor[:0],
        "turned": lambda: tensor.flatten(),
        "huge": lambda: torch.zeros(1, dtype=tensor.dtype).expand(3_000_000_000),
        "huge in shape": lambda: tensor[:1].expand(2**31, *tensor.shape[1:]),
        "not numbers": lambda: torch.full(tensor.shape, torch.nan),
        "infinite": lambda: torch.full(tensor.shape, torch.inf),
        "complex": lambda: tensor.to(torch.complex64),
        "negative": lambda: -tensor.float(),
        "wider": lambda: tensor.to(torch.float64),
        "sparse": lambda: tensor.float().to_sparse(),
        "a number": lambda: 7,
        "text": lambda: "text",
        "a map": lambda: {"a": tensor},
        "renamed": lambda: tensor,
        "a tree": lambda: _deep(random.choice((10, 900, 3_000))),
    }
    kind = random.choice(list(others))
    other: Any = others[kind]()
    if kind in ("gone", "renamed"):
        del state[name]
    if kind != "gone":
        state[random.choice(("other", "encoder.x", "a" * 9_000)) if kind == "renamed" else name] = other
    return _stored(state), f"{name}: {kind}"


def change_parts(content: bytes, random: Random) -> tuple[bytes, str]:
    """Change the parts of the archive, with checksums that fit."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = [(part.filename, archive.read(part)) for part in archive.infolist()]
    at, other = random.randrange(len(parts)), random.randrange(len(parts))
    pickled = next(index for index, (name, _) in enumerate(parts) if name.endswith("data.pkl"))
    kind = random.choice(
        ("damage", "damage", "pickle", "swap", "gone", "twice", "name", "compressed", "code", "code in")
    )
    if kind in ("damage", "pickle"):
        at = pickled if kind == "pickle" else at
        parts[at] = (parts[at][0], damaged(parts[at][1], random)[0])
    elif kind == "swap":
        parts[at], parts[other] = (parts[at][0], parts[other][1]), (parts[other][0], parts[at][1])
    elif kind == "gone":
        del parts[at]
    elif kind == "twice":
        parts.append((parts[at][0].upper() if random.random() < 0.5 else f"x/../{parts[at][0]}", parts[other][1]))
    elif kind == "name":
        parts[at] = (random.choice(("../canary", "/tmp/canary", "a\0b", "ä", parts[other][0])), parts[at][1])  # noqa: S108
    elif kind == "code":
        parts[pickled] = (parts[pickled][0], pickle.dumps({"_extra_state": _Touch()}, protocol=2))
    elif kind == "code in":
        call = b"cos\nsystem\n(Vtouch canary\ntR0"
        parts[pickled] = (parts[pickled][0], parts[pickled][1][:2] + call + parts[pickled][1][2:])
    stored = io.BytesIO()
    compression = zipfile.ZIP_DEFLATED if kind == "compressed" else zipfile.ZIP_STORED
    with warnings.catch_warnings(), zipfile.ZipFile(stored, "w", compression) as archive:
        warnings.simplefilter("ignore")  # two parts of one name
        for name, data in parts:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return stored.getvalue(), f"{kind} of {parts[min(at, len(parts) - 1)][0]}"


def _state(content: bytes) -> dict[str, Any]:
    return dict(torch.load(io.BytesIO(content), weights_only=True))


def _stored(state: dict[str, Any]) -> bytes:
    stored = io.BytesIO()
    torch.save(state, stored)
    return stored.getvalue()


def _deep(levels: int) -> Any:
    tree: Any = 0
    for _ in range(levels):
        tree = [tree]
    return tree
