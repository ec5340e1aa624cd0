"""Whether a scan is like those that a detector was calibrated on, in numbers and in words."""

from dataclasses import dataclass

__all__ = ["ADVICE", "InputCheck", "InputDifference"]

ADVICE = "calibrate on your own scans: monai-sar calibrate BUNDLE DATASET"


@dataclass(frozen=True)
class InputDifference:
    """One thing in which a scan differs from those that were calibrated on.

    Attributes:
        name: of what differs, such as ``row_spacing``.
        topic: what it is about, in a word or two.
        found: its value; text where it has none.
        expected: the lowest and the highest value among the scans that were calibrated on, or all texts.
        words: all of this in a sentence's part.
    """

    name: str
    topic: str
    found: float | str
    expected: tuple[float | str, ...]
    words: str


@dataclass(frozen=True)
class InputCheck:
    """A scan beside those that a detector was calibrated on.

    Attributes:
        differences: what differs by more than it does among those; none if the scan is like them.
    """

    differences: tuple[InputDifference, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the scan is like those, in all that is looked at."""
        return not self.differences

    @property
    def topics(self) -> tuple[str, ...]:
        """What differs, in a few words."""
        return tuple(dict.fromkeys(difference.topic for difference in self.differences))

    @property
    def headline(self) -> str | None:
        """One short line; None if the scan is like those."""
        return None if self.ok else f"Unlike the scans that were calibrated on: {', '.join(self.topics)}"

    @property
    def note(self) -> str | None:
        """What differs, by how much, and what to do; None if the scan is like those."""
        if self.ok:
            return None
        what = "; ".join(difference.words for difference in self.differences)
        return f"unlike the scans that the detector was calibrated on: {what}. Its promises are for those; {ADVICE}"
