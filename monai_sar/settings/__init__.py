"""A bundle's settings: its configs, the kinds of their values, and what its checkpoint was trained with."""

from monai_sar.settings.bundle_config import BundleError, read_bundle_config, use_checkpoint_settings
from monai_sar.settings.check_settings import check_settings
from monai_sar.settings.kinds import SettingError
from monai_sar.settings.known_settings import setting_of_text
from monai_sar.settings.running_config import check_running_config

__all__ = [
    "BundleError",
    "SettingError",
    "check_running_config",
    "check_settings",
    "read_bundle_config",
    "setting_of_text",
    "use_checkpoint_settings",
]
