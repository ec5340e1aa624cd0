"""Numbers and texts that break programs, and how a header, a list or a checkpoint can hold them."""

import math
from random import Random
from typing import Any

import numpy as np

__all__ = ["EXPRESSION", "SECRET", "json_value", "number_bytes", "text"]

SECRET = "SECRET"  # noqa: S105 (no password: what stands for a patient's name)
"""It stands in every header; nothing that is printed may hold it."""

EXPRESSION = "$__import__('os').system('touch canary')"
"""Code to MONAI's configs."""

_INTEGERS = (0, 1, -1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
_FLOATS = (0.0, -0.0, -1.0, 1e-300, 1e-40, 1e30, 1e300, 3.4e38, math.nan, math.inf, -math.inf)
_TEXTS = (
    "", " ", "0", "-1", "-5", "nan", "inf", "1e999", "1e30", "99999999999", "1\\2\\3", "0\\0\\0\\0\\0\\0", "4 mm",
    f"{SECRET} text", f"1.02.{SECRET}", "../outside.raw", "/etc/hostname", "outside\0.raw", "%03d.raw 1 9 1", "LIST",
    "\x1b[31mred", "\ud800", "ä\u0308", EXPRESSION, "@bundle_root", "%bundle_root", "~", "..", ".", "x" * 70_000,
)  # fmt: skip


def text(random: Random) -> str:
    """A text: numbers that are none, paths that lead outside, code, control characters."""
    return random.choice(_TEXTS)


def number_bytes(random: Random, size: int, *, real: bool, big_endian: bool = False) -> bytes:
    """A number of so many bytes that is at the end of a range, or beyond."""
    order = ">" if big_endian else "<"
    if not real:
        whole: int = random.choice(_INTEGERS) % 256**size
        return whole.to_bytes(size, "big" if big_endian else "little")
    with np.errstate(all="ignore"):
        return bytes(np.array(random.choice(_FLOATS)).astype(f"{order}f{size}").tobytes())


def json_value(random: Random) -> Any:
    """Any value that JSON, as Python reads it, can hold."""
    return random.choice(
        (
            lambda: random.choice((None, True, False, [], {}, [[]], [None], {"": ""})),
            lambda: random.choice(_INTEGERS),
            lambda: random.choice(_FLOATS),
            lambda: random.choice((10**400, -(10**400), 2**64)),
            lambda: text(random),
            lambda: [random.choice(_INTEGERS)] * random.choice((1, 3, 1000, 100_000)),
            lambda: {text(random): text(random) for _ in range(3)},
        )
    )()
