"""What many scans have in common is told once, with its number, the most frequent first and not without end."""

import pytest
import torch
from monai.data import MetaTensor

from monai_sar.scans.common_notes import CommonNotes
from monai_sar.scans.scan_origin import add_note


def test_the_most_frequent_notes_are_told_once_with_their_numbers(caplog: pytest.LogCaptureFixture) -> None:
    notes = CommonNotes("to learn from")
    for number in range(5):
        image = MetaTensor(torch.zeros(1, 2, 2, 1))
        for scans in range(1, 6):  # note 5 is of all five scans, note 1 of one
            if number < scans:
                add_note(image, f"note {scans}")
                add_note(image, f"note {scans}")
        notes.add(image)
    notes.tell()
    assert [record.getMessage() for record in caplog.records] == [
        f"Of {scans} of 5 scans to learn from: note {scans}" for scans in (5, 4, 3)
    ]


def test_nothing_is_told_of_scans_without_notes(caplog: pytest.LogCaptureFixture) -> None:
    notes = CommonNotes("to learn from")
    notes.add(MetaTensor(torch.zeros(1, 2, 2, 1)))
    notes.tell()
    assert not caplog.records
