"""Damage that does not know what it damages: bits flip, sectors are lost, copies end early."""

from random import Random

from benchmarks.fuzzing.strange_values import number_bytes

__all__ = ["damaged"]


def damaged(content: bytes, random: Random) -> tuple[bytes, str]:
    """Damage the content of a file.

    Returns:
        It, and what was done.
    """
    if not content:
        return bytes([random.randrange(256)]), "one byte in an empty file"
    kind = random.choice(("bit", "bit", "bits", "byte", "zeros", "cut", "more", "twice", "lost", "number", "swap"))
    changed = bytearray(content)
    # headers are short and matter most
    at = random.randrange(min(len(content), random.choice((16, 400, len(content), len(content)))))
    length = random.choice((1, 4, 64, 512, 4096))
    if kind == "bit":
        changed[at] ^= 1 << random.randrange(8)
    elif kind == "bits":
        for _ in range(random.choice((2, 8, 50))):
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    elif kind == "byte":
        changed[at] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
    elif kind == "zeros":
        changed[at : at + length] = bytes(len(changed[at : at + length]))
    elif kind == "cut":
        del changed[random.choice((at, len(changed) - min(at, 20))) :]
    elif kind == "more":
        changed += bytes(random.randrange(256) for _ in range(random.choice((1, 7, 600))))
    elif kind == "twice":
        changed[at:at] = changed[at : at + length]
    elif kind == "lost":
        del changed[at : at + length]
    elif kind == "number":
        size = random.choice((2, 4, 8))
        changed[at : at + size] = number_bytes(random, size, real=random.random() < 0.3)
    else:
        other = random.randrange(len(changed))
        changed[at : at + 16], changed[other : other + 16] = changed[other : other + 16], changed[at : at + 16]
    return bytes(changed), f"{kind} at {at} of {len(content)}"
