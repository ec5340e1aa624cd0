"""Find what is not normal in a medical scan after training on normal scans alone.

The folders of this package, read in the order in which the data flows, are the program:
``data`` -> ``transforms`` -> ``networks`` -> ``losses`` -> ``engines`` -> ``metrics`` -> ``writers``.
"""

from monai_sar._root_cause import show_root_cause

__version__ = "0.1.0"
__all__ = ["__version__", "show_root_cause"]
