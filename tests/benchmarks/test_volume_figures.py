"""Figures are those of scikit-learn, and differences are taken patient by patient."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from benchmarks.volume_figures import VoxelRanking, difference, mean_over_patients
from monai_sar.metrics.patient_bootstrap import PatientBootstrap


def voxels(patient: int) -> tuple[Tensor, Tensor]:
    """Scores and lesions of 2000 voxels."""
    generator = torch.Generator().manual_seed(patient)
    lesion = torch.rand(2000, generator=generator) < 0.1
    return torch.rand(2000, generator=generator) + 0.4 * lesion, lesion


def test_figures_are_exact_to_a_thousandth() -> None:
    ranking = VoxelRanking()
    for patient in range(3):
        scores, lesion = voxels(patient)
        for part in (slice(0, 700), slice(700, None)):  # two volumes
            ranking.update(scores[part], lesion[part])
        ranking.end_patient()
    figures = ranking.compute()
    each = [voxels(patient) for patient in range(3)]
    expected = [(roc_auc_score(lesion, scores), average_precision_score(lesion, scores)) for scores, lesion in each]
    np.testing.assert_allclose(np.stack([figures.auroc, figures.ap], 1), expected, atol=2e-3)
    scores, lesion = (torch.cat(part) for part in zip(*each, strict=True))
    assert figures.pooled_auroc == pytest.approx(roc_auc_score(lesion, scores), abs=1e-3)
    assert figures.pooled_ap == pytest.approx(average_precision_score(lesion, scores), abs=1e-3)
    assert ranking.voxels == (int((~lesion).sum()), int(lesion.sum()))


def test_a_patient_without_lesions_counts_in_the_pool_alone() -> None:
    ranking = VoxelRanking()
    for patient in range(2):
        scores, lesion = voxels(patient)
        ranking.update(scores, lesion & (patient == 0))
        ranking.end_patient()
    figures = ranking.compute()
    assert np.isfinite(figures.auroc).tolist() == [True, False]
    assert mean_over_patients(figures.auroc, PatientBootstrap(2)).value == pytest.approx(figures.auroc[0])
    assert 0 < figures.pooled_ap < figures.ap[0]  # the other's voxels are all normal


def test_a_difference_is_of_pairs_and_has_a_sign() -> None:
    generator = np.random.default_rng(0)
    ours = generator.uniform(0.2, 0.9, 20)
    worse = ours - generator.uniform(0.01, 0.03, 20)
    bootstrap = PatientBootstrap(20)
    found, turned = difference(worse, ours, bootstrap), difference(ours, worse, bootstrap)
    assert found.value == pytest.approx(float((worse - ours).mean()))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.high < 0, "patients differ by far more than the two do"
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
