"""After training: what is usual in normal patches is learnt from the slices that were trained on, once."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from monai_sar.engines import fit_witnesses
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet
from monai_sar.networks.checkpoint import read_checkpoint, saved_with


def detector(intensity: str = "bright") -> AnomalyDetector:
    torch.manual_seed(0)
    encoder = DINOv3Encoder("vit_tiny_patch16_224", weights="random")
    network = SpatialARNet(2, encoder.channels, hidden_channels=8)
    return AnomalyDetector(encoder, network, image_size=(64, 64), abnormal_intensity=intensity)  # type: ignore[arg-type]


@pytest.fixture
def slices() -> list[dict[str, Tensor]]:
    """Ten, of 4 x 4 patches."""
    generator = torch.Generator().manual_seed(0)
    return [
        {
            "features": torch.randn(192, 4, 4, generator=generator),
            "intensity": torch.rand(1, 4, 4, generator=generator),
            "region": torch.rand(1, 4, 4, generator=generator),
        }
        for _ in range(10)
    ]


def checkpoint(path: Path) -> Path:
    torch.save(detector().state_dict(), path)
    return path


def test_only_patches_in_the_region_are_learnt_from(slices: list[dict[str, Tensor]], tmp_path: Path) -> None:
    path, fitted, expected = checkpoint(tmp_path / "model.pt"), detector(), detector()
    fit_witnesses(fitted, path, slices)
    inside = [each["region"] >= 0.5 for each in slices]
    with torch.no_grad():
        errors = [expected.error(each["features"][None])[0][where] for each, where in zip(slices, inside, strict=True)]
    intensities = [each["intensity"][where] for each, where in zip(slices, inside, strict=True)]
    expected.witnesses.fit(torch.cat(errors), torch.cat(intensities))
    assert fitted.witnesses.to_dict() == expected.witnesses.to_dict()
    other = detector()
    other.load_checkpoint(path)
    assert other.witnesses.to_dict() == fitted.witnesses.to_dict()


def test_it_is_learnt_once(slices: list[dict[str, Tensor]], tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "model.pt")
    fit_witnesses(detector(), path, slices)
    before = path.read_bytes()
    again = detector()
    fit_witnesses(again, path, slices[:5])
    assert path.read_bytes() == before
    assert again.witnesses.fitted


def test_all_else_in_the_checkpoint_stays(slices: list[dict[str, Tensor]], tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "model.pt")
    before = read_checkpoint(path)
    fit_witnesses(detector(), path, slices)
    after = read_checkpoint(path)
    assert all(torch.equal(before[key], after[key]) for key in before.keys() - {"_extra_state"})
    assert saved_with(after) | {"witnesses": None} == saved_with(before)


def test_without_a_second_witness_nothing_is_read(tmp_path: Path) -> None:
    fit_witnesses(detector("none"), tmp_path / "absent.pt", [])
