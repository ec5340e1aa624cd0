"""What tests of training and evaluating share: a tiny data set, and the logging of pytest, which a bundle replaces."""

import logging
from collections.abc import Iterator

import pytest

from tests.bundles.conftest import bmad

__all__ = ["bmad", "logging_as_before"]


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """A bundle's logging.conf writes to what is the standard output of one call alone."""
    loggers = [logging.getLogger(name) for name in ("root", "train", "validate", "evaluate")]
    before = [(each.handlers[:], each.level, each.propagate) for each in loggers]
    yield
    for each, (handlers, level, propagate) in zip(loggers, before, strict=True):
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)
