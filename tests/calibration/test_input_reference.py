"""What the scans of a calibration were like, and which others are unlike them."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from monai_sar.calibration import Calibration, InputReference, ScanTraits, ScoreCalibrationError, check_input
from monai_sar.calibration.scan_traits import TRAITS
from tests.calibration.conftest import a_calibration

CHANNELS = 24


def scan(seed: int, *, modality: str | None = "MR", shift: float = 0.0, **measures: float) -> ScanTraits:
    """One of a population: a protocol's spacing, intensities and embeddings that vary from patient to patient."""
    generator = np.random.default_rng(seed)
    factors = generator.normal(size=3)
    loadings = np.random.default_rng(12345).normal(size=(3, CHANNELS))
    embedding = factors @ loadings + generator.normal(0, 0.3, CHANNELS) + shift
    given = {
        "row_spacing": 0.9,
        "column_spacing": 0.9,
        "slice_spacing": 5.0,
        "height": 230.0,
        "width": 230.0,
        "depth": float(generator.uniform(130, 160)),
        "region": float(generator.normal(0.4, 0.03)),
        **{f"intensity_{level}": float(generator.normal(0.004 * int(level), 0.02)) for level in ("05", "50", "95")},
    }
    return ScanTraits("volumes", modality, given | measures, tuple(embedding))


def reference(patients: int = 20, first: int = 0) -> InputReference:
    return InputReference.of([[scan(first + number)] for number in range(patients)])


def names(of: InputReference, other: ScanTraits) -> list[str]:
    return [difference.name for difference in of.check(other).differences]


@pytest.mark.parametrize("patients", [1, 2, 4, 5, 20])
def test_a_scan_that_was_calibrated_on_is_like_those(patients: int) -> None:
    of = reference(patients)
    for number in range(patients):
        check = of.check(scan(number))
        assert check.ok
        assert check.note is check.headline is None
    assert bool(of.embedding_mean) == (patients >= 5)


@pytest.mark.parametrize("patients", [5, 10, 20, 40])
def test_few_new_scans_of_the_same_kind_are_called_unlike(patients: int) -> None:
    """2 % are promised where tails are exponential; these have lighter ones, and the range of few scans is narrow."""
    alarms = [
        not reference(patients, first=1000 * draw).check(scan(10**6 + 100 * draw + new)).ok
        for draw in range(10)
        for new in range(20)
    ]
    assert np.mean(alarms) <= 0.03


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"row_spacing": 0.45, "column_spacing": 0.45}, ["row_spacing", "column_spacing"]),
        ({"row_spacing": 1.8, "column_spacing": 1.8}, ["row_spacing", "column_spacing"]),
        ({"slice_spacing": 2.5}, ["slice_spacing"]),
        ({"slice_spacing": 10.0}, ["slice_spacing"]),
        ({"row_spacing": 1.0, "height": 256.0, "slice_spacing": 6.0}, []),  # a protocol may vary so much
        ({"height": 460.0}, ["height"]),
        ({"depth": 30.0}, ["depth"]),
        ({"region": 0.95}, ["region"]),
        ({"intensity_50": 0.6}, ["intensity_50"]),
        ({"modality": "CT"}, ["modality"]),
        ({"modality": None}, []),  # NIfTI does not say
        ({"shift": 6.0}, ["appearance"]),
        ({"shift": -6.0}, ["appearance"]),
    ],
    ids=str,
)
def test_what_differs_is_named(change: dict[str, Any], expected: list[str]) -> None:
    other = scan(777, **change)
    assert names(reference(), other) == expected
    if expected[:1] != ["appearance"] and "region" not in change and "intensity_50" not in change:
        assert names(reference(1), other) == expected  # a protocol shows in a single scan


def test_it_is_said_by_how_much_and_what_to_do() -> None:
    check = reference().check(scan(777, row_spacing=0.45, shift=20))
    spacing, appearance = check.differences
    assert spacing.found == 0.45
    assert spacing.expected == pytest.approx((0.9, 0.9))
    assert spacing.words == "spacing of rows: 0.45 instead of 0.9 mm"
    assert float(appearance.found) > 2 * float(appearance.expected[1])
    assert "times as far from their mean as the farthest of them" in appearance.words
    assert check.headline == "Unlike the scans that were calibrated on: spacing, appearance"
    assert check.note is not None
    assert check.note.endswith("calibrate on your own scans: monai-sar calibrate BUNDLE DATASET")
    region = reference().check(scan(777, region=0.95)).differences[0]
    low, high = region.expected
    assert region.words == f"share of the region: 0.95 instead of {low:.3g} to {high:.3g}"


def test_a_scan_of_another_kind_is_just_that() -> None:
    image = ScanTraits("slices", None, {"rows": 7.0})
    check = reference().check(image)
    assert [difference.name for difference in check.differences] == ["kind"]
    assert "slices instead of volumes" in str(check.note)


def test_what_is_not_known_of_a_scan_is_not_compared() -> None:
    of_images = InputReference.of([[ScanTraits("slices", None, {"rows": 256.0, "columns": 256.0})]])
    assert of_images.check(ScanTraits("slices", "MR", {"row_spacing": 0.1})).ok
    assert not of_images.check(ScanTraits("slices", None, {"rows": 64.0})).ok
    assert reference().check(dataclasses.replace(scan(777, shift=20), embedding=())).ok  # of an older bundle


def test_neither_the_order_of_scans_nor_that_of_patients_matters() -> None:
    patients = [[scan(3 * number + index) for index in range(1 + number % 3)] for number in range(12)]
    order = np.random.default_rng(0).permutation(12)
    assert InputReference.of([patients[index][::-1] for index in order]) == InputReference.of(patients)


def test_a_patient_counts_as_one_however_many_scans_there_are() -> None:
    one = InputReference.of([[scan(number)] for number in range(8)])
    again = InputReference.of([[scan(number)] * (20 if number == 0 else 1) for number in range(8)])
    assert again.embedding_mean == pytest.approx(one.embedding_mean, abs=1e-4)
    for name, seen in one.ranges.items():
        assert dataclasses.astuple(again.ranges[name]) == pytest.approx(dataclasses.astuple(seen), rel=2e-3)


def test_scans_without_any_variation_are_no_trouble() -> None:
    same = InputReference.of([[scan(0)] for _ in range(9)])
    assert same.check(scan(0)).ok
    assert "appearance" in names(same, scan(1))


def test_it_survives_json_within_a_calibration_and_stays_small() -> None:
    many = [[dataclasses.replace(scan(number), embedding=tuple(np.random.default_rng(number).normal(size=512)))]
            for number in range(50)]  # fmt: skip
    calibration = a_calibration(inputs=InputReference.of(many))
    text = json.dumps(calibration.to_dict())
    assert Calibration.from_dict(json.loads(text)) == calibration
    assert len(text) < 20_000


def test_without_a_reference_nothing_is_compared_and_it_is_said_why() -> None:
    def measured() -> ScanTraits:
        pytest.fail("was measured for nothing")

    check, note = check_input(None, measured)
    assert check is None
    assert "the detector is not calibrated" in str(note)
    old = a_calibration().to_dict()
    del old["inputs"]
    check, note = check_input(Calibration.from_dict(old), measured)
    assert check is None
    assert "older version" in str(note)
    assert "monai-sar calibrate" in str(note)
    check, note = check_input(a_calibration(inputs=reference()), lambda: scan(0))
    assert check is not None
    assert note is None


def _changed(*place: Any, value: Any) -> dict[str, Any]:
    saved = a_calibration(inputs=reference()).to_dict()
    part = saved["inputs"]
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return saved


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("kind",), "slices"),  # the calibration is of volumes
        (("kind",), ["volumes"]),
        (("modalities",), ["$import os"]),
        (("modalities",), "MR"),
        (("modalities",), [7]),
        (("ranges",), []),
        (("ranges", "row_spacing"), None),
        (("ranges", "name of a patient"), {"patients": 1, "lowest": 0.0, "highest": 1.0, "mean": 0.5, "spread": 0.0}),
        (("ranges", "row_spacing", "patients"), 0),
        (("ranges", "row_spacing", "patients"), True),
        (("ranges", "row_spacing", "lowest"), "0.9"),
        (("ranges", "row_spacing", "lowest"), 50.0),  # above the highest
        (("ranges", "row_spacing", "highest"), 1e9),  # the exponential of which is no number
        (("ranges", "row_spacing", "highest"), float("nan")),
        (("ranges", "row_spacing", "spread"), -1.0),
        (("ranges", "row_spacing", "more"), 1.0),
        (("embedding_mean",), []),
        (("embedding_mean",), "text"),
        (("embedding_mean", 3), float("inf")),
        (("embedding_mean", 3), None),
        (("embedding_spread", 3), 0.0),
        (("more",), 1),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_reference_is_not_believed(place: tuple[Any, ...], value: Any) -> None:
    Calibration.from_dict(a_calibration(inputs=reference()).to_dict())
    with pytest.raises(ScoreCalibrationError):
        Calibration.from_dict(_changed(*place, value=value))


@pytest.mark.parametrize("inputs", [[], "text", {}, 7], ids=str)
def test_something_else_is_not_believed(inputs: Any) -> None:
    with pytest.raises(ScoreCalibrationError):
        Calibration.from_dict(a_calibration().to_dict() | {"inputs": inputs})


def test_every_trait_says_what_it_is() -> None:
    of: Sequence[str] = [trait.words for trait in TRAITS.values()]
    assert len(set(of)) == len(of)
    assert all(trait.tolerance > 0 for trait in TRAITS.values())
