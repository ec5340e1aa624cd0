"""Every metric of an evaluation against a computation that keeps all pixels."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

from monai_sar.evaluation import Evaluation, PatientGroups
from monai_sar.evaluation.cases import choose_cases
from monai_sar.evaluation.operating_points import size_classes
from monai_sar.metrics import PixelAUPRO, top_mean
from tests.evaluation.images import Labelled, calibration, labelled, labelled_volumes

DATA = labelled()
PLAIN = Evaluation("test", DATA.collected(), {})
CALIBRATED = Evaluation("test", DATA.collected(calibration()), {})


def value(evaluation: Evaluation, name: str) -> float:
    found = evaluation.metrics[name].value
    assert found is not None, name
    return found


def dice(flagged: NDArray[np.bool_], mask: NDArray[np.bool_]) -> float:
    return float(2 * (flagged & mask).sum() / (flagged.sum() + mask.sum()))


def test_scans_rank_as_scikit_learn_says() -> None:
    scores = [top_mean(score, foreground=region) for score, region in zip(DATA.scores, DATA.regions, strict=True)]
    np.testing.assert_array_equal(PLAIN.collected.scores, scores)
    assert value(PLAIN, "scan_auroc") == pytest.approx(roc_auc_score(DATA.abnormal, scores))
    assert value(PLAIN, "scan_average_precision") == pytest.approx(average_precision_score(DATA.abnormal, scores))


def test_grouped_scores_rank_pixels_as_all_scores_do() -> None:
    """Intervals come from grouped scores: their error is far below their width."""
    mask, score, region = DATA.pixels
    exact = {
        "region_pixel_auroc": roc_auc_score(mask[region], score[region]),
        "region_pixel_average_precision": average_precision_score(mask[region], score[region]),
        "pixel_auroc": roc_auc_score(mask.ravel(), score.ravel()),
        "pixel_average_precision": average_precision_score(mask.ravel(), score.ravel()),
    }
    for prefix, regions in (("region_", (DATA.regions,)), ("", ())):
        metric = PixelAUPRO()
        metric.update((DATA.scores, DATA.masks, *regions))
        exact[prefix + "pixel_aupro"] = metric.compute()
    for name, expected in exact.items():
        found = PLAIN.ranking[name]
        assert found.value is not None
        assert found.value == pytest.approx(expected, abs=2e-3), name
        assert found.low is not None
        assert found.high is not None
        assert found.low < expected < found.high
        assert found.high - found.low > 10 * abs(found.value - expected)


def test_what_was_measured_over_all_scores_is_the_value_and_takes_the_interval_along() -> None:
    own = PLAIN.ranking["pixel_auroc"]
    assert own.value is not None
    assert own.low is not None
    given = Evaluation("test", DATA.collected(), {"pixel_auroc": own.value + 0.001, "brightness_pixel_auroc": 0.6})
    assert given.ranking["pixel_auroc"].value == own.value + 0.001
    assert given.ranking["pixel_auroc"].low == pytest.approx(own.low + 0.001)
    assert value(given, "brightness_pixel_auroc") == 0.6


def test_the_oracle_is_the_best_threshold_there_is() -> None:
    mask, score, region = DATA.pixels
    # a tenth of the scores as thresholds cannot do better than the best of the histogram's, by more than a bin
    best = max(dice((score > level) & region, mask) for level in np.sort(score[region])[::10])
    (oracle,) = PLAIN.points
    assert (oracle.name, oracle.rate) == ("oracle", None)
    assert value(PLAIN, "dice_oracle") == pytest.approx(best, abs=1e-3)
    flagged = (score > oracle.pixel_threshold) & region
    assert value(PLAIN, "dice_oracle") == pytest.approx(dice(flagged, mask))
    assert value(PLAIN, "sensitivity_oracle") == pytest.approx(flagged[mask].mean())


def test_calibrated_thresholds_do_what_they_do_to_all_pixels() -> None:
    mask, score, region = DATA.pixels
    assert [point.name for point in CALIBRATED.points] == ["at_0.05", "at_0.2", "oracle"]
    for point in CALIBRATED.points[:2]:
        assert point.scan_threshold is not None
        flagged = (score > point.pixel_threshold) & region
        assert value(CALIBRATED, f"dice_{point.name}") == pytest.approx(dice(flagged, mask))
        assert value(CALIBRATED, f"sensitivity_{point.name}") == pytest.approx(flagged[mask].mean())
        high = CALIBRATED.collected.scores > point.scan_threshold
        shares: dict[str, list[float]] = {"normal_pixels": [], "normal_scans": [], "abnormal_scans": []}
        for patient in range(DATA.patients.count):
            own = DATA.patients.of_scan == patient
            normal = own & ~DATA.abnormal
            shares["normal_pixels"].append(flagged[normal].sum() / region[normal].sum())
            shares["normal_scans"].append(high[normal].mean())
            shares["abnormal_scans"].append(high[own & DATA.abnormal].mean())
        for what, each in shares.items():
            assert value(CALIBRATED, f"{what}_flagged_{point.name}") == pytest.approx(np.mean(each)), what
        assert 0 < value(CALIBRATED, f"normal_pixels_flagged_{point.name}") < 1


def test_lesions_are_found_as_counting_finds_them_in_classes_of_equal_number() -> None:
    mask, score, region = DATA.pixels
    threshold = CALIBRATED.points[0].pixel_threshold
    areas, found = [], []
    for image in range(len(mask)):
        components, count = ndimage.label(mask[image], structure=np.ones((3, 3, 3)))
        for number in range(1, count + 1):
            pixels = components == number
            areas.append(int(pixels.sum()))
            found.append(bool(((score[image] > threshold) & region[image] & pixels).sum() >= 0.1 * areas[-1]))
    assert value(CALIBRATED, "lesion_sensitivity_at_0.05") == pytest.approx(np.mean(found))
    by_size = CALIBRATED.points[0].by_size
    assert list(by_size) == size_classes(CALIBRATED.collected)
    assert sum(one.n for one in by_size.values()) == len(areas)
    assert len(by_size) == 3
    for (least, most), one in by_size.items():
        members = [hit for area, hit in zip(areas, found, strict=True) if least <= area <= most]
        assert one.n == len(members)
        assert abs(one.n - len(areas) / 3) < 0.15 * len(areas)
        assert one.value == pytest.approx(np.mean(members))


def test_the_record_is_plain_json_and_the_tables_hold_the_same() -> None:
    record = json.loads(json.dumps(CALIBRATED.record, allow_nan=False))
    assert record["metrics"] == {name: found.value for name, found in CALIBRATED.metrics.items()}
    rows = {row[0]: row for row in CALIBRATED.metric_rows[1:]}
    assert set(rows) > set(record["metrics"])
    for name, interval in record["intervals"].items():
        assert rows[name][2:4] == interval
        assert 0 <= interval[0] <= record["metrics"][name] <= interval[1] <= 1
    header, *cases = CALIBRATED.case_rows
    assert len(cases) == len(DATA.scores)
    assert all(len(row) == len(header) for row in cases)
    assert [row[0] for row in cases] == list(range(1, len(cases) + 1))
    expected = calibration().p_value(cases[3][header.index("score")], kind="slices")
    assert cases[3][header.index("p_value")] == expected


def test_scans_of_unknown_patient_are_patients_of_their_own() -> None:
    patients = PatientGroups.of(["P3", None, "P3", None])
    assert patients.of_scan.tolist() == [0, 1, 0, 2]
    assert (patients.count, patients.unknown, patients.unit) == (3, 2, "patients")
    assert PatientGroups.of([None, None]).unit == "scans"


def test_a_set_of_one_class_has_reasons_in_the_place_of_metrics() -> None:
    normal = Evaluation("test", DATA.only(abnormal=False).collected(calibration()), {})
    assert normal.metrics["scan_auroc"].note == "undefined: no abnormal scans in this set"
    assert normal.metrics["region_pixel_auroc"].value is None
    assert normal.metrics["dice_at_0.05"].value is None
    assert 0 < value(normal, "normal_pixels_flagged_at_0.05") < 1
    assert [point.name for point in normal.points] == ["at_0.05", "at_0.2"]
    abnormal = Evaluation("test", DATA.only(abnormal=True).collected(), {})
    assert abnormal.metrics["scan_auroc"].note == "undefined: no normal scans in this set"
    assert abnormal.metrics["normal_pixels_flagged_oracle"].value is None
    for evaluation in (normal, abnormal):
        json.dumps(evaluation.record, allow_nan=False)
        assert choose_cases(evaluation.collected)


def test_few_patients_give_values_without_intervals() -> None:
    few = Evaluation("test", labelled(patients=3).collected(), {})
    assert value(few, "scan_auroc") > 0
    assert few.record["intervals"] == {}
    assert few.record["notes"]["scan_auroc"] == "no interval: 3 of at least 5 patients"


def test_cases_are_distinct_and_of_different_patients() -> None:
    cases = choose_cases(PLAIN.collected)
    assert list(cases) == ["Best", "Median", "Worst", "Highest-scoring normal"]
    chosen = [image for group in cases.values() for image in group]
    assert len(set(chosen)) == len(chosen) == 8
    for group in cases.values():
        assert len({int(DATA.patients.of_scan[image]) for image in group}) == 2
    precision = PLAIN.collected.average_precisions
    mask, score, region = DATA.pixels
    image = cases["Best"][0]
    inside = region[image]
    exact = average_precision_score(mask[image][inside], score[image][inside])
    assert precision[image] == pytest.approx(exact, abs=0.01)
    assert precision[image] == np.nanmax(precision)
    assert precision[cases["Worst"][0]] == np.nanmin(precision)
    assert np.isnan(precision[~DATA.abnormal]).all()


def test_a_single_image_is_enough() -> None:
    one = Labelled(
        DATA.scores[1:2], DATA.masks[1:2], DATA.regions[1:2], DATA.abnormal[1:2], PatientGroups(np.zeros(1, int), 1)
    )
    evaluation = Evaluation("test", one.collected(), {})
    json.dumps(evaluation.record, allow_nan=False)
    assert choose_cases(evaluation.collected) == {"Best": [0]}


def test_each_volume_is_measured_as_counting_its_voxels_does() -> None:
    data = labelled_volumes()
    evaluation = Evaluation("test", data.collected(calibration(kind="volumes")), {})
    point = evaluation.shown_point
    assert point is not None
    assert point.name == "at_0.05"
    mask, score, region = data.pixels
    for number, row in enumerate(evaluation.scans):
        flagged = (score[number] > point.pixel_threshold) & region[number]
        components, count = ndimage.label(mask[number], structure=np.ones((3, 3, 3)))
        assert (row.scan, row.name, row.abnormal) == (number + 1, f"scan_{number}.nii", int(data.abnormal[number]))
        assert (row.flagged_voxels, row.lesion_voxels, row.lesions) == (flagged.sum(), mask[number].sum(), count)
        assert row.flagged_ml == pytest.approx(flagged.sum() * 0.002)
        assert row.lesion_ml == pytest.approx(mask[number].sum() * 0.002)
        hit = [flagged[components == lesion].mean() >= 0.1 for lesion in range(1, count + 1)]
        assert row.lesions_found == sum(hit)
        assert row.p_value == calibration(kind="volumes").p_value(row.score, kind="volumes")
        if count:
            assert row.dice == pytest.approx(dice(flagged, mask[number]))
            exact = average_precision_score(mask[number][region[number]], score[number][region[number]])
            assert row.average_precision == pytest.approx(exact, abs=0.01)
        else:
            assert row.dice is row.average_precision is None


def test_lesions_of_volumes_are_told_by_their_millilitres() -> None:
    evaluation = Evaluation("test", labelled_volumes().collected(), {})
    (oracle,) = evaluation.points
    volumes = sorted(0.002 * lesion.voxels for _, lesion in evaluation.collected.lesions)
    (least, _), *_, (_, most) = oracle.by_size
    assert (least, most) == pytest.approx((volumes[0], volumes[-1]))
    classes = evaluation.record["operating_points"][0]["lesions_by_size"]
    assert {each["unit"] for each in classes} == {"ml"}
    assert sum(each["lesions"] for each in classes) == len(volumes)
    assert any(row[0].endswith("_ml") for row in evaluation.metric_rows)
    assert PLAIN.collected.size_unit == "voxels"


def test_a_scan_that_was_learnt_from_gets_no_p_value() -> None:
    known = replace(calibration(), digests=("ab" * 6,))
    collected = labelled(patients=6, images=2).collected(known)
    digests = ["ab" * 32, "cd" * 32, "ef" * 32] * 4
    facts = [replace(each, digest=digest) for each, digest in zip(collected.facts, digests, strict=True)]
    evaluation = Evaluation("test", replace(collected, facts=facts, trained_on=("cd" * 6,)), {})
    given = [row.p_value is not None for row in evaluation.scans]
    assert given == [False, False, True] * 4
    assert sorted(evaluation.record["scans_without_p_value"]) == [
        "no p-value: the detector is calibrated on this very scan",
        "no p-value: the detector was trained on this very scan",
    ]


def test_scans_whose_lesions_nobody_has_outlined_count_as_scans_alone() -> None:
    unknown = (1, 5, 7)
    left = [number for number in range(len(DATA.scores)) if number not in unknown]
    empty = [mask * (number not in unknown) for number, mask in enumerate(DATA.masks)]
    lists: dict[str, Any] = {
        name: [getattr(DATA, name)[number] for number in left] for name in ("scores", "masks", "regions")
    }
    without = replace(
        DATA,
        **lists,
        abnormal=DATA.abnormal[left],
        patients=PatientGroups(DATA.patients.of_scan[left], 0),
    )
    found = Evaluation("test", replace(DATA, masks=empty, unknown=unknown).collected(calibration()), {})
    expected = Evaluation("test", without.collected(calibration()), {})
    for name, estimate in found.metrics.items():
        assert estimate == (CALIBRATED if "scan" in name else expected).metrics[name], name
    assert found.record["abnormal_scans_without_mask"] == 3
    assert found.record["scans"] == CALIBRATED.record["scans"]
    for number in unknown:
        row, labelled_row = found.scans[number], CALIBRATED.scans[number]
        assert (row.score, row.p_value, row.flagged_voxels) == labelled_row[4:7]
        assert row.lesion_voxels is row.lesions is row.lesions_found is row.dice is row.average_precision is None
    nobody = replace(DATA.only(abnormal=True), unknown=tuple(range(24)))
    json.dumps(Evaluation("test", nobody.collected(calibration()), {}).record, allow_nan=False)


def test_without_names_there_is_no_column_of_them() -> None:
    collected = replace(DATA.collected(), facts=[replace(facts, name="") for facts in DATA.collected().facts])
    assert "name" not in Evaluation("test", collected, {}).case_rows[0]
    assert PLAIN.case_rows[0][:3] == ["scan", "name", "patient"]
    assert {len(row) for row in Evaluation("test", collected, {}).case_rows} == {len(PLAIN.case_rows[0]) - 1}
