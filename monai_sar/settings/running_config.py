"""The settings of the config that is running, checked from within it."""

import inspect

from monai.bundle import ConfigParser

from monai_sar.settings.check_settings import check_settings

__all__ = ["check_running_config"]


def check_running_config() -> None:
    """Check the settings of the config in whose ``initialize`` this stands, see :func:`check_settings`.

    It comes before whatever uses a setting, and after ``show_root_cause``, which tells what is wrong in one line.

    Raises:
        SettingError: a setting is wrong.
        RuntimeError: no config is running.
    """
    check_settings(_running_parser())


def _running_parser() -> ConfigParser:
    """The parser that is evaluating the caller.

    ``monai.bundle run`` has no hook between reading a config and running it, and an expression is given what has been
    resolved, not its parser. So it is looked for among the callers. The first is that of the innermost config.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if isinstance(parser := frame.f_locals.get("self"), ConfigParser):
            return parser
        frame = frame.f_back
    raise RuntimeError("No config is running: check_running_config belongs into the 'initialize' of a config.")
