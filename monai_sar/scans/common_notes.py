"""What is to be known of many scans, told once."""

import logging
from collections import Counter

from monai.data.meta_tensor import MetaTensor

from monai_sar.scans.scan_origin import read_notes

__all__ = ["CommonNotes"]

_logger = logging.getLogger(__name__)

_MOST = 3
"""That are told, the most frequent first."""


class CommonNotes:
    """The notes of scans that nobody reads a report of, because they are learnt from or calibrated on.

    Args:
        purpose: what the scans are for: "to learn from".
    """

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        self._scans = 0
        self._notes: Counter[str] = Counter()

    def add(self, image: MetaTensor) -> None:
        """Take note of a scan."""
        self._scans += 1
        self._notes.update(set(read_notes(image)))

    def tell(self) -> None:
        """Log what was noted most, and of how many scans."""
        for note, count in self._notes.most_common(_MOST):
            _logger.warning("Of %d of %d scans %s: %s", count, self._scans, self.purpose, note)
