"""Find what is not normal in a medical scan after training on normal scans alone.

The folders of this package, read in this order, which is nearly that of the data, are the program; each imports only
those before it (``make lint`` holds that): ``scans`` -> ``datasets`` -> ``transforms`` -> ``prepare``, ``phantoms`` ->
``losses``, ``metrics`` -> ``calibration`` -> ``networks`` -> ``settings`` -> ``features`` -> ``results`` ->
``inferers`` -> ``evaluation`` -> ``engines`` -> ``export`` -> ``label``, ``cli``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from monai_sar._root_cause import show_root_cause
from monai_sar._versions import __version__

if TYPE_CHECKING:  # what type checkers see of __getattr__
    from monai_sar.inferers import ScanPredictor
    from monai_sar.results import AnomalyResult, write_result

__all__ = ["AnomalyResult", "ScanPredictor", "__version__", "show_root_cause", "write_result"]

_LATER = {
    "AnomalyResult": "monai_sar.results",
    "ScanPredictor": "monai_sar.inferers",
    "write_result": "monai_sar.results",
}
"""What is imported when it is asked for: torch and MONAI take seconds, which ``monai-sar --help`` need not."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'monai_sar' has no attribute '{name}'")
