"""Keep to ourselves what pydicom, nibabel and highdicom say while they read and write."""

import logging
from contextlib import AbstractContextManager

from monai_sar._quiet import quiet

__all__ = ["without_library_warnings"]

_LOGGERS = ("pydicom", "nibabel.global", "highdicom")


def without_library_warnings() -> AbstractContextManager[None]:
    """Drop warnings and log messages of the libraries: they quote values of headers, patients' names too.

    What a person must know of a file is told by our own errors and notes.
    """
    return quiet(_LOGGERS, below=logging.CRITICAL + 1)
