"""Which software made something."""

import platform
from collections.abc import Sequence
from importlib.metadata import version

__all__ = ["__version__", "software_versions"]

__version__ = "0.1.0"


def software_versions(packages: Sequence[str]) -> dict[str, str]:
    """The versions of this package, of Python, and of others that a result depends on.

    Args:
        packages: names of distributions, such as "torch".
    """
    return {
        "monai-sar": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }
