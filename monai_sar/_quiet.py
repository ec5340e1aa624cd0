"""Keep from the user what a library says to others."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["quiet"]


@contextmanager
def quiet(loggers: Sequence[str], *, below: int) -> Iterator[None]:
    """Drop all warnings, and what some loggers log below a level.

    Args:
        loggers: their names.
        below: the lowest level that is still logged, such as ``logging.ERROR``.
    """
    found = [logging.getLogger(name) for name in loggers]
    before = [logger.level for logger in found]
    for logger in found:
        logger.setLevel(below)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(found, before, strict=True):
            logger.setLevel(level)
