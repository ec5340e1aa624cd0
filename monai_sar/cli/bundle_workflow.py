"""A bundle's own workflow, with settings from the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai.bundle import ConfigWorkflow

from monai_sar.settings import BundleError
from monai_sar.settings.check_settings import did_you_mean
from monai_sar.settings.literal_value import literal_settings

__all__ = ["bundle_workflow", "run_workflow"]


def bundle_workflow(bundle: Path, *names: str, overrides: Mapping[str, Any]) -> ConfigWorkflow:
    """What ``python -m monai.bundle run`` makes of these configs: with the bundle's logging and metadata.

    MONAI's warning that configs are code is left out, because whoever names a bundle here trusts it.

    Args:
        bundle: folder of the bundle.
        names: of its configs; each is laid over those before.
        overrides: settings, and their values; those of a part too, such as ``optimizer#weight_decay``.

    Raises:
        BundleError: no such bundle, or a setting that it does not have.
        SettingError: a value of the wrong kind.
    """
    files = [bundle / "configs" / f"{name}.yaml" for name in names]
    for file in files:
        if not file.is_file():
            raise BundleError(f"'{bundle}' is not the folder of a bundle: it has no configs/{file.name}.")
    workflow = ConfigWorkflow([str(file) for file in files])
    if unknown := sorted(key for key in overrides if key not in workflow.parser):
        known = workflow.parser.get().keys()
        raise BundleError(" ".join(f"{files[-1]} has no setting {key!r}{did_you_mean(key, known)}" for key in unknown))
    workflow.parser.update(literal_settings({"bundle_root": bundle, **overrides}))
    return workflow


def run_workflow(workflow: ConfigWorkflow) -> None:
    """Run it from its beginning to its end."""
    workflow.initialize()
    workflow.run()
    workflow.finalize()
