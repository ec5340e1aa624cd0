"""A bundle's settings: its configs, and what its checkpoint was trained with."""

from monai_sar.settings.bundle_config import BundleError, read_bundle_config, use_checkpoint_settings

__all__ = ["BundleError", "read_bundle_config", "use_checkpoint_settings"]
