"""MONAI's own ``ckpt_export`` and ``onnx_export`` on a bundle, as processes; the commands of docs/how-to/export.md."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser

from monai_sar.networks import AnomalyDetector
from tests.bundles.conftest import run_bundle, run_forked_bundle
from tests.conftest import BUNDLE, TINY
from tests.export.conftest import IMAGES, worst_difference

SETTINGS = {**TINY, "encoder_layers": [1]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[AnomalyDetector, Path]:
    """A small detector of the brain bundle, and its checkpoint."""
    parser = ConfigParser()
    parser.read_config(str(BUNDLE / "configs" / "inference.yaml"))
    parser.update({**SETTINGS, "device": torch.device("cpu")})
    detector: AnomalyDetector = parser.get_parsed_content("network").eval()
    generator = torch.Generator().manual_seed(0)
    detector.witnesses.fit(*torch.empty(2, 1000).exponential_(generator=generator))
    path = tmp_path_factory.mktemp("models") / "model.pt"
    torch.save(detector.state_dict(), path)
    return detector, path


def given(checkpoint: Path, output: Path) -> dict[str, Any]:
    files = {"config_file": "configs/inference.yaml", "ckpt_file": checkpoint, "filepath": output}
    return {"use_trace": True, **files, **SETTINGS}


def test_ckpt_export(trained: tuple[AnomalyDetector, Path], tmp_path: Path) -> None:
    detector, checkpoint = trained
    options = given(checkpoint, tmp_path / "model.ts") | {"input_shape": [1, 1, 240, 200]}
    done = run_bundle("ckpt_export", "network_def", cwd=BUNDLE, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    files = {"inference.json": "", "metadata.json": ""}
    run = torch.jit.load(tmp_path / "model.ts", _extra_files=files)  # type: ignore[no-untyped-call]
    assert worst_difference(detector, run, [torch.rand(size) for size in IMAGES]) <= 1e-6
    assert "network_def" in json.loads(files["inference.json"])
    assert "network_data_format" in json.loads(files["metadata.json"])


def test_onnx_export(trained: tuple[AnomalyDetector, Path], tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    detector, checkpoint = trained
    converter = {
        "input_names": ["image"],
        "output_names": ["pred"],
        "opset_version": 20,
        "dynamic_axes": {"image": {0: "batch", 2: "height", 3: "width"}},
    }
    output = tmp_path / "model.onnx"
    # a batch of one would be taken for a constant
    options = given(checkpoint, output) | {"input_shape": [2, 1, 240, 200], "converter_kwargs": converter}
    done = run_forked_bundle("onnx_export", "network_def", cwd=BUNDLE, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    session = onnxruntime.InferenceSession(output, providers=["CPUExecutionProvider"])
    inputs = [torch.rand(size) for size in IMAGES]
    difference = worst_difference(
        detector, lambda x: torch.from_numpy(session.run(["pred"], {"image": x.numpy()})[0]), inputs
    )
    assert difference <= 1e-5
