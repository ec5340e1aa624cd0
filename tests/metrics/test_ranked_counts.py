"""Rankings of counts against scikit-learn, which sorts every score."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from monai_sar.metrics.ranked_counts import auroc, average_precision

FloatArray = NDArray[np.float64]


def samples(count: int = 4, scores: int = 30) -> tuple[FloatArray, FloatArray]:
    """Counts with ties, and scores that nothing has."""
    generator = np.random.default_rng(0)
    return tuple(generator.integers(0, 4, (count, scores)).astype(float) for _ in range(2))  # type: ignore[return-value]


def as_labels(normal: FloatArray, anomalous: FloatArray) -> dict[str, FloatArray]:
    scores = np.arange(len(normal))
    return {
        "y_true": np.repeat([0, 1], len(scores)),
        "y_score": np.tile(scores, 2),
        "sample_weight": np.concatenate([normal, anomalous]),
    }


def test_many_samples_at_once_are_what_scikit_learn_says_of_each() -> None:
    normal, anomalous = samples()
    for index, (area, precision) in enumerate(
        zip(auroc(normal, anomalous), average_precision(normal, anomalous), strict=True)
    ):
        labels = as_labels(normal[index], anomalous[index])
        assert area == pytest.approx(roc_auc_score(**labels))
        assert precision == pytest.approx(average_precision_score(**labels))


@pytest.mark.parametrize("max_fpr", [0.05, 0.3, 0.99])
def test_a_part_of_the_curve_is_cut_where_it_meets_the_limit(max_fpr: float) -> None:
    normal, anomalous = samples()
    found = auroc(normal, anomalous, max_fpr)
    for index in range(len(normal)):
        fpr, tpr, _ = roc_curve(**as_labels(normal[index], anomalous[index]), drop_intermediate=False)
        fine = np.linspace(0, max_fpr, 100_001)
        # where the curve rises straight, the upper end counts
        height = np.interp(fine, fpr + 1e-12 * np.arange(len(fpr)), tpr)
        assert found[index] == pytest.approx(np.trapezoid(height, fine) / max_fpr, abs=1e-4)


def test_a_missing_class_is_no_number() -> None:
    some, none = np.ones((1, 3)), np.zeros((1, 3))
    assert np.isnan(auroc(some, none)).all()
    assert np.isnan(auroc(none, some)).all()
    assert np.isnan(average_precision(some, none)).all()
    assert average_precision(none, some) == pytest.approx(1)
