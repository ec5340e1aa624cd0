"""The identity of a scan: a hash of its bytes, so that no name is needed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

__all__ = ["content_sha256"]


def content_sha256(files: Sequence[Path]) -> str:
    """Return the SHA-256 of one file, or of the sorted digests of several: their order does not matter."""
    digests = []
    for file in files:
        with file.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
