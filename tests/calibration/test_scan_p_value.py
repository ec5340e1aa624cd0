"""A scan has a p-value, or a sentence why not; the smallest that there can be is called so."""

from typing import Any

import pytest

from monai_sar.calibration.scan_p_value import scan_p_value
from tests.calibration.conftest import a_calibration

SEEN, LEARNT, NEW = f"{0:012x}" + "0" * 52, "ab" * 32, "cd" * 32


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"calibration": None}, "the detector is not calibrated"),
        ({"digest": LEARNT}, "the detector was trained on this very scan"),
        ({"digest": SEEN}, "the detector is calibrated on this very scan"),
        ({"kind": "slices"}, "the detector is calibrated on whole volumes"),
        ({"calibration": None, "digest": LEARNT}, "the detector is not calibrated"),
    ],
)
def test_either_a_p_value_or_why_not(change: dict[str, Any], why: str | None) -> None:
    options: dict[str, Any] = {
        "calibration": a_calibration(),
        "kind": "volumes",
        "digest": NEW,
        "trained_on": (LEARNT[:12],),
    } | change
    calibration = options.pop("calibration")
    p_value, note = scan_p_value(calibration, 8.5, **options)
    assert (p_value is None) == (note is not None)
    if why is None:
        assert p_value == pytest.approx(2 / 10)  # one of nine scores as high
    else:
        assert note is not None
        assert note.startswith("no p-value: ")
        assert why in note


def test_the_smallest_there_is_is_called_so() -> None:
    p_value, note = scan_p_value(a_calibration(), 1e9, kind="volumes")
    assert p_value == pytest.approx(1 / 10)
    assert note == "the smallest that 9 normal patients allow"
