"""What tests of commands share: a tiny data set, predictions, and the logging of pytest, which a bundle replaces."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from monai_sar.cli import app
from tests.bundles.conftest import bmad
from tests.conftest import BUNDLE

__all__ = ["Predict", "Write", "bmad", "logging_as_before", "outcomes", "times", "told"]

Write = Callable[..., NDArray[np.int64]]
Predict = Callable[..., Result]


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """A bundle's logging.conf writes to what is the standard output of one call alone."""
    loggers = [logging.getLogger(name) for name in ("root", "train", "validate", "evaluate")]
    before = [(each.handlers[:], each.level, each.propagate) for each in loggers]
    yield
    for each, (handlers, level, propagate) in zip(loggers, before, strict=True):
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)


@pytest.fixture
def predict(checkpoint: Path) -> Predict:
    """Call the command with the tiny checkpoint."""

    def call(*arguments: str | Path) -> Result:
        command = ["predict", f"--bundle={BUNDLE}", f"--checkpoint={checkpoint}", *map(str, arguments)]
        return CliRunner().invoke(app, command)

    return call


def outcomes(result: Result) -> dict[str, dict[str, Any]]:
    """Of a run with --json: what became of each scan, by the name of its path."""
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {Path(line["scan"]).name: line for line in lines}


def told(result: Result) -> list[str]:
    """The lines on standard error."""
    return result.stderr.splitlines()


def times(folder: Path, start: str = "") -> dict[str, int]:
    """When the files of a folder were last written, by their names."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name.startswith(start)}
