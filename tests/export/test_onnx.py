"""ONNX files pass the checker, and onnxruntime computes what PyTorch computes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from monai_sar.export import export_detector
from monai_sar.networks import DINOv3Encoder
from tests.export.conftest import GRIDS, IMAGES, Run, make_detector, worst_difference

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")


def load(path: Path) -> Run:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


@pytest.mark.parametrize(("name", "intensity"), [("vit", "both"), ("dinov3", "none")])
def test_a_detector_is_the_same_at_every_size(
    name: str, intensity: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    detector = make_detector(request.getfixturevalue(name), abnormal_intensity=intensity)
    export_detector(detector, tmp_path / "model.onnx", file_format="onnx")
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    model = onnx.load(tmp_path / "model.onnx")
    tensors = [*model.graph.input, *model.graph.output]
    shapes = {t.name: [d.dim_param or d.dim_value for d in t.type.tensor_type.shape.dim] for t in tensors}
    shape = ["batch", 1, "height", "width"]
    assert shapes == {"image": shape, "anomaly_map": shape}
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]
    assert b"anomaly_detector.py" not in model.SerializeToString()  # no code and no paths of this machine
    run = load(tmp_path / "model.onnx")
    assert worst_difference(detector, run, [torch.rand(size) for size in IMAGES]) <= 1e-5


def test_with_learned_weights_too(outside: Callable[[str], Path], tmp_path: Path) -> None:
    weights = outside("weights/vit_tiny_patch16_224_augreg.pth")
    detector = make_detector(DINOv3Encoder("vit_tiny_patch16_224", weights, layers=[5]), image_size=(64, 64))
    export_detector(detector, tmp_path / "model.onnx", file_format="onnx")
    inputs = [torch.rand(3, 1, 40, 100), torch.linspace(0, 1, 90 * 60).view(1, 1, 90, 60)]
    assert worst_difference(detector, load(tmp_path / "model.onnx"), inputs) <= 1e-4


@pytest.mark.parametrize(
    ("settings", "convolutions"),
    [({"likelihood": "mse"}, 3), ({"likelihood": "gaussian"}, 3), ({"mode": "blind_spot"}, 4)],
)
def test_the_ar_network_alone(settings: dict[str, str], convolutions: int, vit: DINOv3Encoder, tmp_path: Path) -> None:
    detector = make_detector(vit, **settings)
    export_detector(detector, tmp_path / "model.onnx", file_format="onnx", part="ar_network")
    model = onnx.load(tmp_path / "model.onnx")
    grids = [torch.randn(batch, vit.channels, rows, columns) for batch, rows, columns in GRIDS]
    assert worst_difference(detector.score, load(tmp_path / "model.onnx"), grids) <= 1e-5
    assert [node.op_type for node in model.graph.node].count(
        "Conv"
    ) == convolutions + 3  # whitening, smoothing (2): no encoder
