"""What the benchmark of accuracy keeps is found for the same images and settings, and for no others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import accuracy
from benchmarks.accuracy import Method, measure
from benchmarks.labelled_images import LabelledSet
from benchmarks.rivals.single_gaussian import SingleGaussian
from monai_sar.networks import DINOv3Encoder
from tests.benchmarks.conftest import BUNDLE, save, write_data_set

METHODS = ["brightness, blurred", SingleGaussian.name]
ENCODER = "vit_tiny_patch16_224"
TIMES = ("learn, CPU s", "CPU ms per image")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """The figures of everything that is measured during the test, in order, without times."""
    found: list[dict[str, float]] = []

    def measure_and_note(method: Method, labelled: LabelledSet) -> dict[str, float]:
        figures = measure(method, labelled)
        found.append({name: value for name, value in figures.items() if name not in TIMES})
        return figures

    monkeypatch.setattr(accuracy, "measure", measure_and_note)
    return found


def table(capsys: pytest.CaptureFixture[str], dataset: Path, work: Path, **options: Any) -> str:
    """Run the benchmark; what it prints below its first line, which tells the machine's load."""
    settings: dict[str, Any] = {
        "encoder_name": ENCODER,
        "encoder_weights": "random",
        "image_size": (48, 48),
        "methods": METHODS,
        "threads": torch.get_num_threads(),
    }
    capsys.readouterr()
    accuracy.main(BUNDLE, str(dataset), work=work, **settings | options)
    return capsys.readouterr().out.partition("\n| |")[2]


def test_data_sets_that_share_a_folder_have_their_own_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], measured: list[dict[str, float]]
) -> None:
    first, second = (write_data_set(tmp_path / f"set_{seed}", seed) for seed in (0, 1))
    tables = [table(capsys, dataset, tmp_path / "shared") for dataset in (first, second)]
    table(capsys, second, tmp_path / "alone")
    of_first, of_second, alone = measured[:2], measured[2:4], measured[4:]
    assert of_second == alone
    assert all(one != other for one, other in zip(of_first, of_second, strict=True))

    assert [table(capsys, dataset, tmp_path / "shared") for dataset in (first, second)] == tables  # times, too
    assert tables[0] != tables[1]
    assert len(measured) == 6, "what was kept was measured again"


def test_what_figures_depend_on_is_measured_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], measured: list[dict[str, float]]
) -> None:
    dataset, weights = write_data_set(tmp_path / "set", 0), tmp_path / "encoder.pth"

    def is_measured(**options: Any) -> bool:
        before = len(measured)
        given = {"encoder_weights": str(weights), "methods": [SingleGaussian.name]} | options
        table(capsys, dataset, tmp_path / "work", **given)
        return len(measured) > before

    def save_weights(seed: int) -> None:
        torch.save(DINOv3Encoder(ENCODER, "random", seed=seed).network.state_dict(), weights)

    save_weights(1)
    assert is_measured()
    dataset = dataset.rename(tmp_path / "elsewhere")
    assert not is_measured()
    assert is_measured(split="test")
    save_weights(2)  # under the same name
    assert is_measured()
    mask = dataset / "valid" / "Ungood" / "label" / "0.png"
    save(mask, np.roll(np.array(Image.open(mask)), 3, axis=0))
    assert is_measured()
