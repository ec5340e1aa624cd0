"""The frozen image encoder: an image in, a grid of patch embeddings out."""

import contextlib
import difflib
import io
import os
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monai_sar._torchvision import timm
from monai_sar.networks.encoder_weights import (
    EncoderWeightsError,
    describe_weights,
    hash_weights,
    read_weights,
)

__all__ = ["DINOv3Encoder"]

_FAMILIES = ("eva", "vision_transformer", "convnext")
# A ConvNeXt has no patches; its third stage has the stride of a ViT/16 patch.
_CONVNEXT_STRIDE_16_STAGE = 2


class DINOv3Encoder(nn.Module):
    """A frozen DINOv3 network (or another ViT of timm) as a dense feature extractor.

    The embeddings are the patch tokens of the chosen blocks after the final LayerNorm, without class and register
    tokens, as a grid [0]. ImageNet (or the model's own) mean and standard deviation are applied in here, so that
    every caller passes plain intensities. The network never trains: it stays in eval mode and takes no gradient.

    DINOv3's ConvNeXt variants [1] have stages in place of blocks; the third, of stride 16 (no final norm exists
    for it), is the default, and any other is resampled to the stride-16 grid.

    [0]: https://arxiv.org/abs/2603.02974
    [1]: DINOv3, https://arxiv.org/abs/2508.10104

    Args:
        model_name: a timm name of a DINOv3 ViT (``vit_{small,base,large,...}_patch16_dinov3``), of a DINOv3
            ConvNeXt (``convnext_{tiny,small,base,large}.dinov3_lvd1689m``) or of any other ViT.
        weights: ``"hub"`` downloads timm's pretrained weights; ``"random"`` draws them from ``seed``, with a
            LayerScale of 1 (no download needed, and nothing learned); otherwise the path of Meta's ``.pth`` or of
            timm's ``.safetensors`` / ``.pth``, told apart by their keys.
        layers: which blocks (stages) to take, negative from the end; several are concatenated in the order
            given. Default: the last block.
        seed: of the random weights.

    Raises:
        EncoderWeightsError: weights that are missing, of another network, or that cannot be downloaded.
        ValueError: an unknown model name or layer.

    Example:
        >>> import torch
        >>> from monai_sar.networks import DINOv3Encoder
        >>> encoder = DINOv3Encoder("vit_small_patch16_dinov3", weights="random")
        >>> encoder(torch.rand(1, 3, 100, 64)).shape
        torch.Size([1, 384, 7, 4])
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model_name: str = "vit_small_patch16_dinov3",
        weights: str | os.PathLike[str] = "hub",
        *,
        layers: Sequence[int] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _check_name(model_name)
        self.model_name = model_name
        self.weights_from = str(weights) if weights in ("hub", "random") else "file"
        self.network = _create(model_name, weights, seed)
        self.network.requires_grad_(False)
        self._is_convnext = hasattr(self.network, "stages")
        depth = len(self.network.stages if self._is_convnext else self.network.blocks)
        self.layers = _resolve_layers(layers, depth, _CONVNEXT_STRIDE_16_STAGE if self._is_convnext else depth - 1)
        info = self.network.feature_info
        self.patch_size = 16 if self._is_convnext else int(self.network.patch_embed.patch_size[0])
        self.channels = sum(int(info[layer]["num_chs"]) for layer in self.layers)
        config = self.network.pretrained_cfg
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(1, 3, 1, 1), persistent=False)
        self.sha256 = hash_weights(self.network.state_dict())
        self.eval()

    @property
    def identity(self) -> dict[str, Any]:
        """What makes two encoders the same: name, SHA-256 of the weights, blocks."""
        return {"model_name": self.model_name, "sha256": self.sha256, "layers": list(self.layers)}

    def train(self, mode: bool = True) -> "DINOv3Encoder":
        """Stay in eval mode: the encoder is frozen, whatever its parent module does."""
        return super().train(False)

    def forward(self, image: Tensor) -> Tensor:
        """Encode images.

        Args:
            image: ``[B, 3, H, W]``, intensities in [0, 1], any H and W; the bottom and right edges are
                replicated up to a multiple of the patch size.

        Returns:
            ``[B, C, ceil(H / P), ceil(W / P)]`` with C ``channels`` and P ``patch_size``.
        """
        if image.ndim != 4 or image.shape[1] != 3:
            raise ValueError(f"Expected images [B, 3, H, W], got {tuple(image.shape)}.")
        height, width = image.shape[-2:]
        pad_bottom, pad_right = -height % self.patch_size, -width % self.patch_size
        x = (image - self.mean) / self.std
        if pad_bottom or pad_right:
            x = F.pad(x, (0, pad_right, 0, pad_bottom), mode="replicate")
        indices = sorted(set(self.layers))
        grids = self.network.forward_intermediates(
            x, indices=indices, norm=True, stop_early=True, intermediates_only=True, output_fmt="NCHW"
        )
        if self._is_convnext:
            size = (x.shape[-2] // self.patch_size, x.shape[-1] // self.patch_size)
            grids = [F.interpolate(g, size, mode="bilinear", align_corners=False) for g in grids]
        return torch.cat([grids[indices.index(layer)] for layer in self.layers], dim=1)


def _check_name(model_name: str) -> None:
    architecture = model_name.split(".")[0]
    if timm.models.is_model_in_modules(architecture, _FAMILIES):
        return
    known = set(timm.list_models(["*dinov3*", "vit_*", "convnext*"]))
    close = difflib.get_close_matches(architecture, known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise ValueError(
        f"Unknown encoder '{model_name}': expected a DINOv3 model or another ViT of timm {timm.__version__} "
        f"(vit_small_patch16_dinov3, vit_base_patch16_dinov3, convnext_tiny.dinov3_lvd1689m, ...).{hint}"
    )


def _resolve_layers(layers: Sequence[int] | None, depth: int, default: int) -> tuple[int, ...]:
    if layers is None:
        return (default,)
    if not layers or any(not -depth <= layer < depth for layer in layers):
        raise ValueError(f"layers {list(layers)} do not fit an encoder of {depth} blocks (-{depth}..{depth - 1}).")
    return tuple(layer % depth for layer in layers)


def _create(model_name: str, weights: str | os.PathLike[str], seed: int) -> Any:
    """Create timm's network with its weights; only a ViT has to be told to accept any image size."""
    options: dict[str, Any] = {"num_classes": 0}
    if not timm.models.is_model_in_modules(model_name.split(".")[0], ("convnext",)):
        options["dynamic_img_size"] = True
    if weights == "random":
        return _create_random(model_name, options, seed)
    if weights == "hub":
        return _create_from_hub(model_name, options)
    return _create_from_file(model_name, weights, options)


def _create_random(model_name: str, options: dict[str, Any], seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = timm.create_model(model_name, pretrained=False, **options)
    # DINOv3 begins training with a LayerScale of 1e-5, with which a network that was only drawn does little more than
    # embed patches. With 1 its blocks mix them, and anomalies are found better (benchmarks/README.md).
    for name, parameter in network.named_parameters():
        if "gamma" in name:
            nn.init.ones_(parameter)
    return network


def _create_from_hub(model_name: str, options: dict[str, Any]) -> Any:
    config = timm.models.get_pretrained_cfg(model_name)
    if config is None or not config.has_weights:
        raise EncoderWeightsError(
            f"timm {timm.__version__} offers no pretrained weights for '{model_name}'. "
            "Give the path of a weights file, or name a variant that has them (timm.list_pretrained())."
        )
    try:
        return timm.create_model(model_name, pretrained=True, **options)
    except (OSError, RuntimeError) as error:  # every connection error of the hub's client is an OSError
        source = f"https://huggingface.co/{config.hf_hub_id}" if config.hf_hub_id else config.url
        raise EncoderWeightsError(
            f"The pretrained weights of '{model_name}' could not be downloaded ({type(error).__name__}). "
            f"On a machine with network access download 'model.safetensors' from {source}, copy it to this machine "
            "and give its path as the encoder's weights (in a bundle: the setting encoder_weights)."
        ) from error


def _create_from_file(model_name: str, path: str | os.PathLike[str], options: dict[str, Any]) -> Any:
    tensors = read_weights(path)
    found = describe_weights(tensors)
    expected = timm.create_model(model_name, pretrained=False, **options)
    _check_geometry(model_name, path, tensors, expected, found)
    tensors = {k: v for k, v in tensors.items() if not k.startswith(("head.fc.", "head.weight", "head.bias"))}
    # where timm takes a file for one of a model with other classes, it passes over whatever is missing
    overlay = {"state_dict": tensors, "num_classes": options["num_classes"]}
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # timm prints a line for every bias it looks for in vain
            network: Any = timm.create_model(model_name, pretrained=True, pretrained_cfg_overlay=overlay, **options)
    except (RuntimeError, KeyError, AttributeError, ValueError) as error:
        raise EncoderWeightsError(
            f"The weights in '{path}' are {found} and do not fit the encoder '{model_name}': "
            f"{_first_lines(error)} Give the file of that encoder, or the encoder's name of that file."
        ) from error
    network.pretrained_cfg = {**network.pretrained_cfg, "state_dict": None}  # the tensors live in the network now
    return network


def _check_geometry(model_name: str, path: Any, tensors: dict[str, Tensor], expected: Any, found: str) -> None:
    """Refuse what timm would bend into shape: another patch size, and biases that it would drop."""
    stem = tensors.get("patch_embed.proj.weight")
    own = expected.state_dict().get("patch_embed.proj.weight")
    if own is not None and (stem is None or stem.shape != own.shape):
        blocks = len(expected.blocks)
        advice = (
            "Download the file in timm's or Meta's own format instead."
            if "transformers" in found
            else "Give the file of that encoder, or the encoder's name of that file."
        )
        raise EncoderWeightsError(
            f"The weights in '{path}' are {found}; the encoder '{model_name}' has {own.shape[0]} channels, {blocks} "
            f"blocks and patches of {own.shape[-1]} px. {advice}"
        )
    biases = [v for k, v in tensors.items() if k.endswith("attn.qkv.bias")]
    has_bias = any(k.endswith(("attn.qkv.bias", "attn.q_bias")) for k in expected.state_dict())
    if not has_bias and any(bool(bias.any()) for bias in biases):
        raise EncoderWeightsError(
            f"The weights in '{path}' have attention biases that '{model_name}' does not have and would lose. "
            f"Use '{model_name.split('.')[0]}_qkvb'."
        )


def _first_lines(error: BaseException, limit: int = 300) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[:limit] + " ..."
