"""Keep to ourselves what pydicom, nibabel and highdicom say while they read and write."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_library_warnings"]

_LOGGERS = ("pydicom", "nibabel.global", "highdicom")


@contextmanager
def without_library_warnings() -> Iterator[None]:
    """Drop warnings and log messages of the libraries: they quote values of headers, patients' names too.

    What a person must know of a file is told by our own errors and notes.
    """
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
