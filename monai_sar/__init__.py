"""Find what is not normal in a medical scan after training on normal scans alone.

The folders of this package, read in the order in which the data flows, are the program:
``data`` -> ``transforms`` -> ``networks`` -> ``losses`` -> ``engines`` -> ``inferers`` -> ``calibration`` ->
``metrics`` -> ``evaluation`` -> ``writers`` -> ``export`` -> ``cli``.
"""

from typing import TYPE_CHECKING, Any

from monai_sar._root_cause import show_root_cause

if TYPE_CHECKING:
    from monai_sar.networks.anomaly_detector import AnomalyDetector

__version__ = "0.1.0"
__all__ = ["AnomalyDetector", "__version__", "show_root_cause"]


def __getattr__(name: str) -> Any:
    # torch and MONAI take seconds to import, which `monai-sar --help` need not
    if name == "AnomalyDetector":
        from monai_sar.networks.anomaly_detector import AnomalyDetector

        return AnomalyDetector
    raise AttributeError(f"module 'monai_sar' has no attribute '{name}'")
