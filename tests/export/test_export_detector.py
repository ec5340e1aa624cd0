"""What a file says of itself, and which files are not written."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from monai_sar.calibration import Calibration
from monai_sar.export import FORMATS, METADATA_KEY, PARTS, ExportError, ExportPart, export_detector
from monai_sar.export.export_part import PartName
from monai_sar.export.exporter import FormatName
from monai_sar.export.metadata import encoder_licence
from monai_sar.export.parity import compare
from monai_sar.networks import AnomalyDetector, DINOv3Encoder
from tests.calibration.conftest import a_calibration
from tests.export.conftest import make_detector


def read_metadata(path: Path, file_format: FormatName) -> Any:
    if file_format == "onnx":
        onnx = pytest.importorskip("onnx")
        return json.loads({p.key: p.value for p in onnx.load(path).metadata_props}[METADATA_KEY])
    files = {METADATA_KEY: ""}
    torch.jit.load(path, _extra_files=files)  # type: ignore[no-untyped-call]
    return json.loads(files[METADATA_KEY])


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("part", PARTS)
def test_a_file_says_what_it_is(dinov3: DINOv3Encoder, part: PartName, file_format: FormatName, tmp_path: Path) -> None:
    detector = make_detector(dinov3, preprocessing={"modality": "brain_mri", "level": 0.4})
    detector.calibration = a_calibration()
    path = tmp_path / "made" / "model.file"
    report = export_detector(detector, path, file_format=file_format, part=part, checkpoint_sha256="ab" * 32)
    metadata = read_metadata(path, file_format)
    assert metadata == report.metadata
    assert metadata["notice"] == "Research software, not a medical device."
    assert metadata["settings"] == detector.settings
    assert Calibration.from_dict(metadata["calibration"]) == detector.calibration
    assert metadata["checkpoint_sha256"] == "ab" * 32
    assert metadata["versions"].keys() >= {"monai_sar", "torch", "monai", "timm"}
    assert metadata["part"] == part
    assert (metadata["encoder_licence"] is None) == (part == "ar_network")
    assert report.parity.max_abs_difference <= 1e-4
    assert [file.name for file in path.parent.iterdir()] == ["model.file"]


@pytest.mark.parametrize(
    ("name", "weights_from", "licence"),
    [
        ("vit_small_patch16_dinov3", "random", "none"),
        ("vit_small_patch16_dinov3", "hub", "DINOv3 License"),
        ("vit_small_patch16_dinov3", "file", "DINOv3 License"),
        ("vit_small_patch16_dinov3_qkvb.eupe_lvd1689m", "hub", "fair-noncommercial"),
        ("vit_small_patch16_dinov3_qkvb.eupe_lvd1689m", "file", "that of the weights file"),
        ("vit_tiny_patch16_224", "hub", "apache-2.0"),
        ("vit_tiny_patch16_224", "file", "that of the weights file"),
    ],
)
def test_the_licence_of_the_weights_is_told(name: str, weights_from: str, licence: str) -> None:
    encoder = DINOv3Encoder(name, weights="random", layers=[0])
    encoder.weights_from = weights_from
    assert licence in encoder_licence(encoder)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_detector_without_an_image_size_is_refused(
    vit: DINOv3Encoder, file_format: FormatName, tmp_path: Path
) -> None:
    """A trace would keep the positions of the example, and the map would be wrong without a word."""
    detector = make_detector(vit, image_size=None)
    with pytest.raises(ValueError, match="Train with an image_size"):
        export_detector(detector, tmp_path / "model", file_format=file_format)
    assert not list(tmp_path.iterdir())
    export_detector(detector, tmp_path / "model", file_format=file_format, part="ar_network")  # has no positions


class _KeepsTheExample(nn.Module):
    """An error with something in it that a trace takes for a constant."""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).mean(1, keepdim=True) * float(target.shape[2])


def test_a_file_that_computes_something_else_is_not_written(vit: DINOv3Encoder, tmp_path: Path) -> None:
    detector = make_detector(vit)
    detector.prediction_error = _KeepsTheExample()  # type: ignore[assignment]
    (tmp_path / "model.ts").write_text("of an earlier run")
    with pytest.raises(ExportError, match="differs from PyTorch by up to"):
        export_detector(detector, tmp_path / "model.ts", file_format="torchscript", part="ar_network")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["of an earlier run"]


def test_what_is_not_finite_is_not_equal() -> None:
    part = ExportPart(
        name="ar_network",
        module=nn.Identity(),
        input_name="x",
        output_name="y",
        axes=("batch", "rows", "columns"),
        channels=1,
        example_size=(1, 2, 2),
        check_sizes=((1, 2, 2), (2, 3, 3)),
        reads="",
        gives="",
    )
    assert compare(part, lambda x: x).holds
    assert not compare(part, lambda x: x * torch.nan).holds
    assert not compare(part, lambda x: x + 0.01).holds
    assert not compare(part, lambda x: x[:1]).holds


def test_a_trace_by_other_programs_needs_an_image_size_too(vit: DINOv3Encoder) -> None:
    image = torch.rand(1, 1, 64, 64)
    detector: AnomalyDetector = make_detector(vit, image_size=None)
    assert detector(image).shape == image.shape
    with pytest.raises(ValueError, match="Train with an image_size"):
        torch.jit.trace(detector, image)  # type: ignore[no-untyped-call]


def test_a_missing_package_is_named(vit: DINOv3Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = FORMATS["torchscript"]._replace(needs=("a_package_that_does_not_exist",))
    monkeypatch.setitem(FORMATS, "torchscript", entry)
    with pytest.raises(ExportError, match=r"needs a_package_that_does_not_exist: pip install 'monai-sar\[export\]'"):
        export_detector(make_detector(vit), tmp_path / "model.ts", file_format="torchscript")
