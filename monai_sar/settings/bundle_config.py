"""A config of a bundle, with the settings that its checkpoint was trained with."""

import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from monai.bundle import ConfigParser
from torch import Tensor

from monai_sar._root_cause import root_cause
from monai_sar.networks.checkpoint import CheckpointError, read_checkpoint, saved_with
from monai_sar.networks.spatial_ar_net import SpatialARNet
from monai_sar.settings.check_settings import check_settings, did_you_mean
from monai_sar.settings.kinds import SettingError
from monai_sar.settings.known_settings import KNOWN_SETTINGS
from monai_sar.settings.literal_value import literal_settings

__all__ = ["BundleError", "read_bundle_config", "unwrapped", "use_checkpoint_settings"]


class BundleError(ValueError):
    """A folder is not a bundle that can predict: the message says what is missing."""


def read_bundle_config(
    bundle: str | os.PathLike[str], name: str, *, parts: Collection[str], overrides: Mapping[str, Any]
) -> ConfigParser:
    """Read ``configs/NAME.yaml`` (or ``.yml``, ``.json``) of a bundle.

    Args:
        bundle: folder of the bundle.
        name: of the config, "inference" or "train".
        parts: what it must define.
        overrides: settings of the config, and their values, which mean themselves: no text in them is code.

    Raises:
        BundleError: no such bundle, a part that it does not define, or a setting that it does not have.
        SettingError: a value of the wrong kind, or a setting in the file that nothing reads.
    """
    root = Path(bundle)
    files = [root / "configs" / f"{name}{suffix}" for suffix in (".yaml", ".yml", ".json")]
    file = next((path for path in files if path.is_file()), None)
    if file is None:
        raise BundleError(f"'{root}' is not the folder of a bundle: it has no configs/{name}.yaml.")
    parser = ConfigParser()
    try:
        parser.read_config(str(file))
    except (yaml.YAMLError, ValueError) as error:
        raise BundleError(f"{file} cannot be read as a config: {' '.join(str(error).split())}") from error
    if missing := [part for part in parts if part not in parser.get()]:
        raise BundleError(f"{file} does not define {', '.join(missing)}, which is needed here.")
    if unknown := sorted(overrides.keys() - parser.get().keys()):
        known = parser.get().keys()
        raise BundleError(" ".join(f"{file} has no setting {name!r}{did_you_mean(name, known)}" for name in unknown))
    parser.update(literal_settings({"bundle_root": root, **overrides}))
    check_settings(parser)
    return parser


def use_checkpoint_settings(
    parser: ConfigParser, checkpoint: str | os.PathLike[str], *, overrides: Collection[str], fixed: Collection[str]
) -> None:
    """Put what a checkpoint was trained with in the place of a config's defaults.

    Args:
        parser: of the config.
        checkpoint: path.
        overrides: settings that were given by hand, and stay.
        fixed: settings of the preprocessing that the config does not leave open.

    Raises:
        CheckpointError: there is none, it does not say what it was trained with, or says it in an unsafe way; or it was
            trained with an encoder from a file, which was not given.
    """
    trained_with = {key: value for key, value in _trained_with(checkpoint, fixed).items() if key not in overrides}
    if trained_with.get("encoder_weights") == "file":
        trained_with["encoder_weights"] = _weights_file(checkpoint, parser)
    parser.update(trained_with)


_OF_THE_DETECTOR = (
    "image_size",
    "keep_aspect_ratio",
    "feature_scaling",
    "abnormal_intensity",
    "verdict",
    "smoothing",
    "smoothing_across",
)


def _trained_with(path: str | os.PathLike[str], fixed: Collection[str]) -> dict[str, Any]:
    """What a checkpoint was trained with, under the names of a bundle's settings.

    Args:
        path: of the checkpoint.
        fixed: settings of the preprocessing to leave out.

    Raises:
        CheckpointError: it does not say so, or says more: a config runs text such as ``$import os``, and a checkpoint
            that somebody sent must not bring code along.
    """
    try:
        state = read_checkpoint(path)
        saved = saved_with(state)
        settings = saved["settings"]
        encoder, network = settings["encoder"], settings["network"]
        preprocessing = {key: value for key, value in settings["preprocessing"].items() if key not in fixed}
        config = {
            "encoder_name": encoder["model_name"],
            "encoder_layers": encoder["layers"],
            **{key: settings[key] for key in _OF_THE_DETECTOR},
            **{key: value for key, value in network.items() if key not in ("spatial_dims", "in_channels")},
            **preprocessing,
            "encoder_weights": saved["encoder_weights"],
        }
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"'{path}' does not say what it was trained with; it is damaged, or too old.") from error
    for key, value in config.items():
        if not (key.isidentifier() and _is_plain(value)):  # "inferer::_target_" names a part of a component
            raise CheckpointError(
                f"'{path}': its setting {key!r} has no plain name and value, so it is not used; do not trust it."
            )
        try:
            config[key] = KNOWN_SETTINGS[key].read(key, value) if key in KNOWN_SETTINGS else value
        except SettingError as error:
            raise CheckpointError(f"'{path}' says what no training can have said: {error} Do not trust it.") from error
    _check_size(path, state, network)
    return config


def _check_size(path: Any, state: Mapping[str, Tensor], network: Mapping[str, Any]) -> None:
    """Refuse a network of other sizes than the weights have, before memory is taken for it."""
    try:
        with torch.device("meta"):
            described = SpatialARNet(**network).state_dict()
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"'{path}' describes a network that cannot be: {error} Do not trust it.") from error
    sizes = {f"network.{name}": tensor.shape for name, tensor in described.items()}
    held = {name: tensor.shape for name, tensor in state.items() if name.startswith("network.")}
    if sizes != held:
        raise CheckpointError(
            f"'{path}' does not hold the network that it describes ({len(held)} tensors, expected {len(sizes)}); it is "
            "damaged, so copy it again, or train again."
        )


def _weights_file(checkpoint: Any, parser: ConfigParser) -> Any:
    given = parser.get("encoder_weights")
    if given in (None, "hub", "random"):
        raise CheckpointError(
            f"'{checkpoint}' was trained with encoder weights from a file, so give that file: encoder_weights=PATH, on "
            "the command line --encoder-weights PATH (or 'hub', if it is the published one)."
        )
    return given


def _is_plain(value: Any) -> bool:
    """Whether a value means itself to a config: numbers, names, lists of them; no expression, reference or object."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return re.fullmatch(r"\w[\w.-]*", value) is not None
    return value is None or isinstance(value, (bool, int, float))


def unwrapped(call: Callable[[], Any]) -> Any:
    """Call MONAI so that an error is raised as itself, not in the RuntimeError that MONAI puts around it."""
    try:
        return call()
    except RuntimeError as error:
        cause = root_cause(error)
    raise cause  # out here, because the wrapper is not what caused the cause
