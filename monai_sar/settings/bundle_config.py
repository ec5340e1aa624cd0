"""A config of a bundle, with the settings that its checkpoint was trained with."""

import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from monai.bundle import ConfigParser

from monai_sar._root_cause import root_cause
from monai_sar.networks.checkpoint import CheckpointError, read_checkpoint, saved_with
from monai_sar.settings.check_settings import check_settings, did_you_mean

__all__ = ["BundleError", "literal_path", "read_bundle_config", "unwrapped", "use_checkpoint_settings"]


class BundleError(ValueError):
    """A folder is not a bundle that can predict: the message says what is missing."""


def literal_path(path: str | os.PathLike[str]) -> str:
    """A path as the value of a setting, where ``$``, ``@``, ``%`` or ``#`` would mean something else to a config.

    Raises:
        BundleError: it holds what MONAI takes for a relative reference wherever it stands.
    """
    text = os.fspath(path)
    if found := re.search("[@%](#|::)", text):
        raise BundleError(f"{text}: a config cannot hold a path with {found[0]!r} in it; rename it, or link to it.")
    return f"./{text}" if text.startswith(("$", "@", "%", "#", "::")) else text


def read_bundle_config(
    bundle: str | os.PathLike[str], name: str, *, parts: Collection[str], overrides: Mapping[str, Any]
) -> ConfigParser:
    """Read ``configs/NAME.yaml`` (or ``.yml``, ``.json``) of a bundle.

    Args:
        bundle: folder of the bundle.
        name: of the config, "inference" or "train".
        parts: what it must define.
        overrides: settings of the config, and their values.

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
    parser.update({"bundle_root": literal_path(root), **overrides})
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
        saved = saved_with(read_checkpoint(path))
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
    return config


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
