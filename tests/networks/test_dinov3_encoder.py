"""The encoder: sizes, weights files of every origin, identity, and what it says of files that do not fit."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from monai_sar._torchvision import timm
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, EncoderWeightsError, SpatialARNet
from tests.networks.meta_weights import meta_names

SMALL = "vit_small_patch16_dinov3"
CONVNEXT = "convnext_tiny.dinov3_lvd1689m"


@pytest.fixture(scope="module")
def encoder() -> DINOv3Encoder:
    return DINOv3Encoder(SMALL, weights="random")


@pytest.mark.parametrize("size", [(64, 64), (100, 64), (1, 1), (16, 49)])
def test_any_size_gives_a_grid_rounded_up(encoder: DINOv3Encoder, size: tuple[int, int]) -> None:
    grid = encoder(torch.rand(2, 3, *size))
    assert grid.shape == (2, 384, -(-size[0] // 16), -(-size[1] // 16))
    assert grid.dtype == torch.float32


def test_the_grid_is_the_normalised_patch_tokens(encoder: DINOv3Encoder) -> None:
    image = torch.rand(1, 3, 48, 64)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    tokens = encoder.network.forward_features((image - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1))
    patches = tokens[:, 5:]  # behind one class and four register tokens
    torch.testing.assert_close(encoder(image).flatten(2).transpose(1, 2), patches)
    torch.testing.assert_close(patches.mean(-1), torch.zeros(1, 12), atol=1e-5, rtol=0)  # LayerNorm


def test_a_batch_is_its_images_one_by_one(encoder: DINOv3Encoder) -> None:
    batch = torch.rand(3, 3, 32, 48)
    one_by_one = torch.cat([encoder(image[None]) for image in batch])
    torch.testing.assert_close(encoder(batch), one_by_one, atol=1e-5, rtol=1e-4)


def test_it_is_frozen(encoder: DINOv3Encoder) -> None:
    parent = torch.nn.Sequential(encoder).train()
    assert parent.training
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_several_layers_are_concatenated_in_the_order_given() -> None:
    image = torch.rand(1, 3, 32, 32)
    both = DINOv3Encoder(SMALL, weights="random", layers=[-1, 3])
    last, fourth = (DINOv3Encoder(SMALL, weights="random", layers=[layer]) for layer in (11, 3))
    assert both.layers == (11, 3)
    assert both.channels == 768
    torch.testing.assert_close(both(image), torch.cat([last(image), fourth(image)], dim=1))


@pytest.mark.parametrize("layers", [[12], [-13], []])
def test_a_layer_that_does_not_exist_is_an_error(layers: list[int]) -> None:
    with pytest.raises(ValueError, match="12 blocks"):
        DINOv3Encoder(SMALL, weights="random", layers=layers)


def test_convnext_gives_the_same_grid() -> None:
    convnext = DINOv3Encoder(CONVNEXT, weights="random")
    assert convnext(torch.rand(1, 3, 50, 64)).shape == (1, convnext.channels, 4, 4)
    with_last_stage = DINOv3Encoder(CONVNEXT, weights="random", layers=[2, 3])
    assert with_last_stage(torch.rand(1, 3, 50, 64)).shape == (1, 384 + 768, 4, 4)


def test_another_vit_brings_its_own_mean_and_patch_size() -> None:
    vit = DINOv3Encoder("vit_tiny_patch16_224", weights="random")
    assert vit.mean.flatten().tolist() == [0.5, 0.5, 0.5]
    assert vit(torch.rand(1, 3, 40, 40)).shape == (1, 192, 3, 3)
    dinov2 = DINOv3Encoder("vit_small_patch14_reg4_dinov2", weights="random")
    assert dinov2(torch.rand(1, 3, 40, 28)).shape == (1, 384, 3, 2)


@pytest.mark.parametrize(
    "name", [n for n in timm.list_models("vit_*dinov3*") if not any(big in n for big in ("7b", "huge", "large"))]
)
def test_every_dinov3_vit_of_timm_that_fits_a_test(name: str) -> None:
    encoder = DINOv3Encoder(name, weights="random")
    assert encoder(torch.rand(1, 3, 32, 32)).shape == (1, encoder.channels, 2, 2)


# --- weights ---


def test_the_same_weights_in_every_format_are_the_same_encoder(tmp_path: Path, encoder: DINOv3Encoder) -> None:
    state = {key: value.contiguous() for key, value in encoder.network.state_dict().items()}
    save_file(state, tmp_path / "timm.safetensors")
    torch.save(state, tmp_path / "timm.pth")
    torch.save(meta_names(state), tmp_path / "meta.pth")
    torch.save({"teacher": meta_names(state)}, tmp_path / "wrapped.pth")
    image = torch.rand(1, 3, 32, 48)
    for name in ("timm.safetensors", "timm.pth", "meta.pth", "wrapped.pth"):
        loaded = DINOv3Encoder(SMALL, weights=tmp_path / name)
        assert loaded.identity == encoder.identity, name
        assert torch.equal(loaded(image), encoder(image)), name


def test_a_convnext_file_in_metas_names_loads(tmp_path: Path) -> None:
    convnext = DINOv3Encoder(CONVNEXT, weights="random")
    renamed = {}
    for key, value in convnext.network.state_dict().items():
        name = key.replace("stem.", "downsample_layers.0.").replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
        name = name.replace(".blocks.", ".").replace("head.norm", "norm")
        for stage in range(1, 4):
            name = name.replace(f"stages.{stage}.downsample.", f"downsample_layers.{stage}.")
        renamed[name] = value
    torch.save(renamed, tmp_path / "meta.pth")
    assert DINOv3Encoder(CONVNEXT, weights=tmp_path / "meta.pth").sha256 == convnext.sha256


def test_random_weights_follow_the_seed_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = DINOv3Encoder(SMALL, weights="random", seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert DINOv3Encoder(SMALL, weights="random", seed=1).sha256 == one.sha256
    assert DINOv3Encoder(SMALL, weights="random", seed=2).sha256 != one.sha256


def test_the_blocks_of_a_random_encoder_matter(encoder: DINOv3Encoder) -> None:
    """With DINOv3's initial LayerScale of 1e-5 the last block would differ from the first by next to nothing."""
    image = torch.rand(1, 3, 32, 32)
    first, last = DINOv3Encoder(SMALL, weights="random", layers=[0])(image), encoder(image)
    assert (first - last).square().mean() > 0.01


def test_biases_are_never_lost_silently(tmp_path: Path, encoder: DINOv3Encoder) -> None:
    state = meta_names(dict(encoder.network.state_dict()))
    state["blocks.3.attn.qkv.bias"] = torch.ones(3 * 384)
    torch.save(state, tmp_path / "biased.pth")
    with pytest.raises(EncoderWeightsError, match="attention biases .* would lose.*vit_small_patch16_dinov3_qkvb"):
        DINOv3Encoder(SMALL, weights=tmp_path / "biased.pth")
    assert DINOv3Encoder(f"{SMALL}_qkvb", weights=tmp_path / "biased.pth").channels == 384


def test_files_that_do_not_fit_are_named_for_what_they_are(tmp_path: Path, encoder: DINOv3Encoder) -> None:
    state = dict(encoder.network.state_dict())
    torch.save(state, tmp_path / "small.pth")
    with pytest.raises(EncoderWeightsError, match=r"384 channels, 12 blocks.*'vit_base_patch16_dinov3' has 768"):
        DINOv3Encoder("vit_base_patch16_dinov3", weights=tmp_path / "small.pth")
    torch.save({k: v for k, v in state.items() if "blocks.7" not in k}, tmp_path / "holes.pth")
    with pytest.raises(EncoderWeightsError, match=r"do not fit.*[Mm]issing key"):
        DINOv3Encoder(SMALL, weights=tmp_path / "holes.pth")
    torch.save({"embeddings.patch_embeddings.weight": torch.zeros(384, 3, 16, 16)}, tmp_path / "hf.pth")
    with pytest.raises(EncoderWeightsError, match=r"Hugging Face transformers.*timm's or Meta's own format"):
        DINOv3Encoder(SMALL, weights=tmp_path / "hf.pth")
    torch.save({"net.0.weight": torch.zeros(256, 384, 3, 3)}, tmp_path / "ar.pth")
    with pytest.raises(EncoderWeightsError, match="a spatial AR network, not an encoder"):
        DINOv3Encoder(SMALL, weights=tmp_path / "ar.pth")
    torch.save(AnomalyDetector(encoder, SpatialARNet(2, encoder.channels)).state_dict(), tmp_path / "model.pt")
    with pytest.raises(EncoderWeightsError, match="a checkpoint of MONAI-SAR, which holds no encoder"):
        DINOv3Encoder(SMALL, weights=tmp_path / "model.pt")


def test_damaged_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.pth").touch()
    (tmp_path / "noise.safetensors").write_bytes(os.urandom(64))
    (tmp_path / "noise.pth").write_bytes(os.urandom(64))
    for name in ("empty.pth", "noise.safetensors", "noise.pth"):
        with pytest.raises(EncoderWeightsError, match=name):
            DINOv3Encoder(SMALL, weights=tmp_path / name)
    for seed in range(300):  # an unpickler takes bytes for commands, so noise fails in many ways
        (tmp_path / "noise.pth").write_bytes(random.Random(seed).randbytes(64))  # noqa: S311
        with pytest.raises(EncoderWeightsError, match=r"noise\.pth"):
            DINOv3Encoder(SMALL, weights=tmp_path / "noise.pth")
    with pytest.raises(EncoderWeightsError, match="names no file"):
        DINOv3Encoder(SMALL, weights=tmp_path / "absent.pth")


class _Payload:
    """Would create a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_file_that_carries_code_is_refused_and_the_code_not_run(tmp_path: Path) -> None:
    torch.save({"weights": _Payload(tmp_path / "ran")}, tmp_path / "evil.pth")
    with pytest.raises(EncoderWeightsError, match="never done"):
        DINOv3Encoder(SMALL, weights=tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_an_unknown_name_is_met_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match="Did you mean .*vit_small_patch16_dinov3"):
        DINOv3Encoder("vit_smal_patch16_dinov3", weights="random")
    with pytest.raises(ValueError, match="Unknown encoder 'resnet50'"):
        DINOv3Encoder("resnet50", weights="random")


def test_without_a_network_the_hub_says_what_to_download(tmp_path: Path) -> None:
    """A process of its own, because the hub's client reads its offline switch at import."""
    script = "from monai_sar.networks import DINOv3Encoder; DINOv3Encoder()"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "download 'model.safetensors' from https://huggingface.co/timm/vit_small_patch16_dinov3" in done.stderr
    assert "the setting encoder_weights" in done.stderr


@pytest.mark.parametrize("model", ["vit_tiny_patch16_224", "convnext_atto", "vit_small_patch16_dinov3"])
def test_a_file_that_lacks_something_or_has_more_is_refused(tmp_path: Path, model: str) -> None:
    whole = DINOv3Encoder(model, weights="random").network.state_dict()
    damaged = [
        {key: value for key, value in whole.items() if lacks not in key}
        for lacks in ("pos_embed", "blocks.1.", "qkv", "norm")
        if any(lacks in key for key in whole)
    ]
    for weights in (*damaged, {**whole, "foreign.weight": torch.zeros(3)}):
        torch.save(weights, tmp_path / "encoder.pth")
        with pytest.raises(EncoderWeightsError, match="do not fit the encoder"):
            DINOv3Encoder(model, weights=tmp_path / "encoder.pth")
