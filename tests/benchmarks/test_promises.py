"""The benchmark of promises counts rightly: what arithmetic says of its draws is what it finds."""

import numpy as np
import pytest

from benchmarks.promises import Draw, flagged_share, one_draw, print_rows, realised, redraw, small_p_value
from monai_sar.calibration import PatientScores, calibration_from_scores
from monai_sar.calibration.calibration import Kind


def pool_of(patients: int, *, kind: Kind = "volumes") -> list[PatientScores]:
    """Patients who differ from each other, and whose voxels resemble each other."""
    generator = np.random.default_rng(0)
    levels = generator.normal(size=patients)
    return [
        PatientScores(
            pixels=np.sort(level + 0.3 * generator.normal(size=200)).astype(np.float32),
            scans=(float(level),),
            digests=(bytes([number]) * 32,),
            sources=(f"{number:064x}",),
            kind=kind,
        )
        for number, level in enumerate(levels)
    ]


def test_p_values_of_all_draws_are_exact_and_voxels_stay_below_their_bound() -> None:
    pool = pool_of(60)
    draws = redraw(pool, 19, draws=300, seed=0)

    def mean(text: str) -> float:
        return float(text.partition("%")[0]) / 100

    for rate in (0.05, 0.1, 0.2):
        assert mean(realised(draws, pool, small_p_value(rate))) == pytest.approx(rate, abs=0.015)
    for rate in (0.05, 0.1):
        assert 0 < mean(realised(draws, pool, flagged_share(rate))) <= rate


def test_nobody_is_new_to_a_calibration_that_has_seen_him() -> None:
    pool = pool_of(30)
    for draw in redraw(pool, 19, draws=5, seed=0):
        seen = {score for scores in draw.calibration.scan_scores for score in scores}
        assert len(draw.new) == 11
        assert seen.isdisjoint(pool[number].scans[0] for number in draw.new)


def test_the_range_of_one_draw_is_that_of_draws() -> None:
    generator = np.random.default_rng(0)
    calibrated, new = generator.normal(size=(4000, 39)), generator.normal(size=(4000, 80))
    p_values = (1 + (calibrated[:, None] >= new[..., None]).sum(-1)) / 40
    assert np.quantile((p_values <= 0.1).mean(1), (0.025, 0.975)) == pytest.approx(one_draw(39, 80, 0.1), abs=0.0126)


def test_a_calibration_on_slices_has_rows_of_voxels_alone(capsys: pytest.CaptureFixture[str]) -> None:
    pool = pool_of(30)
    of_slices = calibration_from_scores(pool_of(19, kind="slices"), [0.05], unit="patient")
    print_rows("slices", [Draw(of_slices, np.arange(30))], pool, [0.05])
    (row,) = capsys.readouterr().out.splitlines()
    assert row.startswith("| slices: voxels | 5.0% |")
