"""``monai-sar export`` in this process: what is written, what is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from monai_sar.cli.export import export as export_command
from monai_sar.inferers import ScanPredictor
from tests.conftest import BUNDLE

Export = Callable[..., Result]

app = typer.Typer()
app.command()(export_command)


@pytest.fixture
def export(checkpoint: Path) -> Export:
    """Call the command with the tiny checkpoint."""

    def call(output: Path, *arguments: str, bundle: Path = BUNDLE) -> Result:
        return CliRunner().invoke(app, [str(bundle), str(output), f"--checkpoint={checkpoint}", *arguments])

    return call


def test_a_bundle_becomes_torchscript(export: Export, predictor: ScanPredictor, tmp_path: Path) -> None:
    result = export(tmp_path / "model.ts", "--format=torchscript")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "image [batch, 1, height, width] -> anomaly_map [batch, 1, height, width]" in lines[0]
    assert lines[1].startswith("It differs from PyTorch by at most 0, where values reach ")
    assert lines[2:] == [
        "It holds the encoder's weights. Their licence goes with it: none: the weights are random.",
        "Research software, not a medical device.",
    ]
    image = torch.rand(1, 1, 40, 70)
    module = torch.jit.load(tmp_path / "model.ts")  # type: ignore[no-untyped-call]
    with torch.no_grad():
        torch.testing.assert_close(module(image), predictor.network(image))


def test_its_ar_network_becomes_onnx(export: Export, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    result = export(tmp_path / "model.onnx", "--format=onnx", "--part=ar_network")
    assert result.exit_code == 0, result.stderr
    assert "features [batch, 192, rows, columns] -> score [batch, 1, rows, columns]" in result.stdout
    assert "licence" not in result.stdout
    assert (tmp_path / "model.onnx").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint=absent.pt"], "There is no checkpoint at 'absent.pt'"),
        (["--set=nonsense"], "--set nonsense: expected key=value"),
        (["--set=no_such_setting=1"], "has no setting 'no_such_setting'"),
        (["--set=mode=standard"], "network.mode: trained with 'blind_spot', now 'standard'"),
    ],
)
def test_wrong_use_is_told(export: Export, arguments: list[str], message: str, tmp_path: Path) -> None:
    result = export(tmp_path / "model.ts", "--format=torchscript", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_bundle_is_told(export: Export, tmp_path: Path) -> None:
    result = export(tmp_path / "model.ts", "--format=torchscript", bundle=tmp_path)
    assert result.exit_code == 2
    assert "is not the folder of a bundle" in result.stderr
