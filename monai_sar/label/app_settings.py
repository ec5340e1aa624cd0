"""``--conf KEY VALUE`` of the server -> which bundles are served, and with which settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_sar.settings import BundleError, setting_of_text

__all__ = ["BundleSettings", "read_conf"]

BUNDLES, MODELS = "bundles", "models"

MONAI_LABEL_KEYS = ("server_mode",)
"""What MONAI Label itself reads."""

OWN_BUNDLES = Path(__file__).resolve().parents[2] / "bundles"
"""Where they lie beside the package in a checkout of the project."""


@dataclass(frozen=True)
class BundleSettings:
    """One bundle to serve.

    Attributes:
        name: of its folder, by which the model is asked for.
        folder: of the bundle.
        overrides: settings of its configs.
    """

    name: str
    folder: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)


def read_conf(conf: Mapping[str, str]) -> list[BundleSettings]:
    """Read the server's configuration.

    ================== ============================================================================================
    ``bundles``         folder that holds the folders of the bundles; by default those of this project's checkout
    ``models``          names of bundles in it, with commas; by default all. The first is the one that scores studies
    ``MODEL.SETTING``   a setting of that bundle's configs, such as ``brain_mri_anomaly.ckpt_path``; value as in YAML
    ================== ============================================================================================

    Raises:
        BundleError: no such folder or bundle, a setting of a bundle that is not served, or one that it does not have.
    """
    folder = Path(conf.get(BUNDLES, OWN_BUNDLES))
    found = sorted(path.parents[1].name for path in folder.glob("*/configs/inference.*"))
    names = [name.strip() for name in conf[MODELS].split(",")] if MODELS in conf else found
    if missing := [name for name in names if name not in found]:
        raise BundleError(f"'{folder}' has no bundle {missing[0]!r}; it has: {', '.join(found) or 'none'}.")
    if not names:
        raise BundleError(f"'{folder}' holds no bundles. Say where they are: --conf bundles FOLDER")
    overrides: dict[str, dict[str, Any]] = {name: {} for name in names}
    for key, text in conf.items():
        if key in (BUNDLES, MODELS, *MONAI_LABEL_KEYS):
            continue
        name, dot, setting = key.partition(".")
        if not dot or name not in overrides:
            raise BundleError(
                f"--conf {key} {text}: expected '{BUNDLES}', '{MODELS}', or MODEL.SETTING with one of the models "
                f"{', '.join(names)}."
            )
        try:
            overrides[name][setting] = setting_of_text(setting, text)
        except ValueError as error:
            raise BundleError(f"--conf {key}: {error}") from error
    return [BundleSettings(name, folder / name, overrides[name]) for name in names]
