"""How bundles are run, the settings that make them run in seconds, and a tiny brain data set in BMAD's layout A."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow
from numpy.typing import NDArray
from PIL import Image

from tests.forked_python import run_forked

ROOT = Path(__file__).resolve().parents[2]

TINY: dict[str, Any] = {
    "encoder_name": "vit_tiny_patch16_224",
    "encoder_weights": "random",
    "image_size": [48, 48],
    "hidden_channels": 16,
    "dilations": [1],
    "feature_scaling": "standardize",
}
"""Overrides: a small encoder that needs no download, a small image, one scaling for all bundles."""


def run_bundle(*arguments: str, cwd: Path, **overrides: Any) -> subprocess.CompletedProcess[str]:
    """Run it in a process, as a user does."""
    command = [sys.executable, "-m", "monai.bundle", *arguments, *flags(overrides)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def run_forked_bundle(*arguments: str, cwd: Path, **overrides: Any) -> subprocess.CompletedProcess[str]:
    """Run it in a process that has the libraries already, which is seconds faster."""
    return run_forked("monai.bundle", *arguments, *flags(overrides), cwd=cwd)


def flags(overrides: dict[str, Any]) -> list[str]:
    """Settings, as options of ``python -m monai.bundle``."""
    return [text for key, value in overrides.items() for text in (f"--{key}", str(value))]


def run_config(files: list[Path], workflow_type: str, **overrides: Any) -> ConfigWorkflow:
    """Run a config in this process, with the checks that MONAI's model zoo makes."""
    workflow = ConfigWorkflow(
        config_file=[str(file) for file in files],
        workflow_type=workflow_type,
        logging_file=False,
        meta_file=str(files[0].parent / "metadata.json"),
        **overrides,
    )
    workflow.initialize()
    assert workflow.check_properties() in (None, [])
    workflow.run()
    workflow.finalize()
    return workflow


def untrained_checkpoint(bundle: Path, path: Path, **settings: Any) -> Path:
    """The bundle's detector, made tiny and never trained, as the checkpoint that training would write.

    What a second witness would have learnt of normal patches is made up.
    """
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.yaml"))
    parser.update(TINY | settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = parser.get_parsed_content("network")
        network.witnesses.fit(*torch.empty(2, 1000).exponential_())
        torch.save(network.state_dict(), path)
    return path


def head(generator: np.random.Generator, lesion: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A disc of tissue with noise, and perhaps a brighter square: (image, mask), ``[48, 48]``."""
    rows, columns = np.mgrid[:48, :48]
    tissue = np.hypot(rows - 24, columns - 24) < generator.uniform(17, 21)
    image = tissue * generator.normal(110, 10, (48, 48))
    mask = np.zeros((48, 48), np.uint8)
    if lesion:
        row, column = generator.integers(14, 26, 2)
        mask[row : row + 8, column : column + 8] = 255
        image[mask > 0] += 80
    return np.clip(image, 0, 255).astype(np.uint8), mask


@pytest.fixture(scope="session")
def bmad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train 20 normal; valid and test 4 normal and 4 abnormal each."""
    root = tmp_path_factory.mktemp("bmad")
    generator = np.random.default_rng(0)

    def write(folder: str, count: int, *, lesion: bool, with_mask: bool = True) -> None:
        for index in range(count):
            image, mask = head(generator, lesion)
            for kind, pixels in (("img", image), ("label", mask)) if with_mask else (("", image),):
                path = root / folder / kind / f"{index:03}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)

    write("train/good", 20, lesion=False, with_mask=False)
    for split in ("valid", "test"):
        write(f"{split}/good", 4, lesion=False)
        write(f"{split}/Ungood", 4, lesion=True)
    return root


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """Those overrides, and two epochs."""
    return TINY | {"max_epochs": 2, "batch_size": 8}
