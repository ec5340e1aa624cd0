"""TorchScript files compute what PyTorch computes, at sizes far from the traced one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from monai_sar.export import export_detector
from monai_sar.networks import DINOv3Encoder
from tests.export.conftest import GRIDS, IMAGES, make_detector, worst_difference


@pytest.mark.parametrize(
    "settings", [{"likelihood": "mse"}, {"likelihood": "gaussian"}, {"abnormal_intensity": "both", "verdict": "sum"}]
)
@pytest.mark.parametrize("name", ["vit", "dinov3"])
def test_a_detector_is_the_same_at_every_size(
    name: str, settings: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    detector = make_detector(request.getfixturevalue(name), **settings)
    export_detector(detector, tmp_path / "model.ts", file_format="torchscript")
    run = torch.jit.load(tmp_path / "model.ts")  # type: ignore[no-untyped-call]
    assert worst_difference(detector, run, [torch.rand(size) for size in IMAGES]) <= 1e-6


def test_an_image_may_be_stretched_or_in_colour(vit: DINOv3Encoder, tmp_path: Path) -> None:
    detector = make_detector(vit, keep_aspect_ratio=False, preprocessing={"color": "as_stored"})
    report = export_detector(detector, tmp_path / "model.ts", file_format="torchscript")
    assert report.metadata["input"]["shape"] == ["batch", 3, "height", "width"]
    run = torch.jit.load(tmp_path / "model.ts")  # type: ignore[no-untyped-call]
    assert worst_difference(detector, run, [torch.rand(2, 3, 60, 33), torch.rand(1, 3, 20, 200)]) <= 1e-6


@pytest.mark.parametrize("mode", ["causal", "blind_spot"])
def test_the_ar_network_alone(mode: str, vit: DINOv3Encoder, tmp_path: Path) -> None:
    detector = make_detector(vit, mode=mode)
    export_detector(detector, tmp_path / "model.ts", file_format="torchscript", part="ar_network")
    run = torch.jit.load(tmp_path / "model.ts")  # type: ignore[no-untyped-call]
    grids = [torch.randn(batch, vit.channels, rows, columns) for batch, rows, columns in GRIDS]
    assert worst_difference(detector.score, run, grids) <= 1e-6
    assert not any("encoder" in name for name, _ in run.named_parameters())


def test_the_ar_network_alone_has_no_second_witness(vit: DINOv3Encoder, tmp_path: Path) -> None:
    detector = make_detector(vit, abnormal_intensity="dark")
    with pytest.raises(ValueError, match="sees no intensities.*abnormal_intensity: dark.*Export the whole detector"):
        export_detector(detector, tmp_path / "model.ts", file_format="torchscript", part="ar_network")
    assert not (tmp_path / "model.ts").exists()


def test_a_file_is_bound_to_no_device(dinov3: DINOv3Encoder, tmp_path: Path) -> None:
    """Whatever it makes itself (positions, pixel centres) lies where its input lies."""

    def devices(module: Any) -> int:
        graph = module.inlined_graph
        constants = graph.findAllNodes("prim::Constant")
        return sum(node.output().type().kind() == "DeviceObjType" for node in constants)

    detector = make_detector(dinov3)
    export_detector(detector, tmp_path / "model.ts", file_format="torchscript")
    assert not devices(torch.jit.load(tmp_path / "model.ts"))  # type: ignore[no-untyped-call]
    assert devices(torch.jit.trace(detector, torch.rand(2, 1, 50, 83)))  # type: ignore[no-untyped-call]


def test_a_detector_is_unchanged_by_being_exported(dinov3: DINOv3Encoder, tmp_path: Path) -> None:
    detector, image = make_detector(dinov3), torch.rand(1, 1, 30, 40)
    modules, before = list(detector.modules()), detector(image)
    export_detector(detector, tmp_path / "model.ts", file_format="torchscript")
    assert list(detector.modules()) == modules
    assert torch.equal(detector(image), before)
