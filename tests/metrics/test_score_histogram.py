"""The histogram against scikit-learn's exact values."""

import tracemalloc

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from monai_sar.metrics import PixelAUROC, PixelAveragePrecision, ScoreHistogram


def _scores(kind: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Anomalous pixels are rare and score somewhat higher."""
    generator = np.random.default_rng(seed)
    mask = generator.random(200_000) < 0.02
    score = generator.normal(size=mask.size) + 1.2 * mask
    score = {
        "signed": score,
        "squared errors": np.exp(score),
        "tiny": np.exp(score) * 1e-20,
        "narrow": 0.7 + 0.02 * score,
        "tied": np.round(score),
        "constant": np.zeros_like(score),
    }[kind]
    return torch.from_numpy(score.astype(np.float32)), torch.from_numpy(mask)


@pytest.mark.parametrize("kind", ["signed", "squared errors", "tiny", "narrow", "tied", "constant"])
def test_it_agrees_with_scikit_learn(kind: str) -> None:
    score, mask = _scores(kind, seed=0)
    histogram = ScoreHistogram()
    histogram.update(score, mask)
    assert histogram.auroc() == pytest.approx(roc_auc_score(mask, score), abs=1e-4)
    assert histogram.average_precision() == pytest.approx(average_precision_score(mask, score), abs=1e-4)


def test_images_one_by_one_are_all_images_at_once() -> None:
    score, mask = _scores("signed", seed=1)
    whole, parts = ScoreHistogram(), ScoreHistogram()
    whole.update(score, mask)
    for start in range(0, len(score), 7777):
        parts.update(score[start : start + 7777], mask[start : start + 7777])
    assert torch.equal(whole.counts, parts.counts)


def test_in_a_region_as_if_there_were_nothing_else() -> None:
    score, mask = (values.view(20, 100, 100) for values in _scores("signed", seed=4))
    region = torch.rand(score.shape, generator=torch.Generator().manual_seed(0)) < 0.3
    weight = torch.rand(score.shape, generator=torch.Generator().manual_seed(1))
    for weights in (None, weight):
        inside, listed = ScoreHistogram(), ScoreHistogram()
        inside.update(score.masked_fill(~region, torch.nan), mask, weights, region=region)
        listed.update(score[region], mask[region], None if weights is None else weights[region])
        assert torch.equal(inside.counts, listed.counts)


def test_the_order_of_a_volume_in_memory_does_not_count_and_it_is_not_copied() -> None:
    score, mask = torch.rand(64, 512, 512).movedim(0, -1), torch.zeros(512, 512, 64, dtype=torch.bool)
    region = torch.ones(512, 512, 64, dtype=torch.bool)
    turned, plain = ScoreHistogram(), ScoreHistogram()
    tracemalloc.start()
    turned.update(score, mask, region=region)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.8 * 4 * score.numel()  # some 40 MiB for a part, whatever the size of the volume
    plain.update(score.contiguous(), mask)
    assert torch.equal(turned.counts, plain.counts)


def test_only_the_order_of_the_scores_counts() -> None:
    score, mask = _scores("signed", seed=2)
    plain, mirrored = ScoreHistogram(), ScoreHistogram()
    plain.update(score, mask)
    mirrored.update(-score, mask)
    assert mirrored.auroc() == pytest.approx(1 - plain.auroc(), abs=1e-9)


def test_minus_zero_is_zero() -> None:
    histogram = ScoreHistogram()
    histogram.update(torch.tensor([0.0, -0.0]), torch.tensor([0, 1]))
    assert histogram.auroc() == 0.5


def test_what_cannot_be_ranked_is_an_error() -> None:
    with pytest.raises(ValueError, match="NaN"):
        ScoreHistogram().update(torch.tensor([torch.nan]), torch.tensor([1]))
    with pytest.raises(ValueError, match=r"\(2,\), the mask \(3,\)"):
        ScoreHistogram().update(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match=r"\(2,\), its region \(3,\)"):
        ScoreHistogram().update(torch.zeros(2), torch.zeros(2), region=torch.zeros(3))
    only_normal = ScoreHistogram()
    only_normal.update(torch.rand(5), torch.zeros(5))
    for metric in (only_normal.auroc, only_normal.average_precision):
        with pytest.raises(ValueError, match="there are 5 and 0"):
            metric()


def test_engine_metrics_rank_all_images_of_a_run_and_start_anew_with_the_next() -> None:
    score, mask = _scores("squared errors", seed=3)
    parts = (slice(50_000), slice(50_000, 150_000), slice(150_000, None))  # images of different sizes
    images = [([score[part].view(1, -1)], [mask[part].view(1, -1)]) for part in parts]
    engine = Engine(lambda _, batch: batch)
    PixelAUROC().attach(engine, "auroc")
    PixelAveragePrecision().attach(engine, "ap")
    for _ in range(2):
        metrics = engine.run(images).metrics
        assert metrics["auroc"] == pytest.approx(roc_auc_score(mask, score), abs=1e-4)
        assert metrics["ap"] == pytest.approx(average_precision_score(mask, score), abs=1e-4)


@pytest.mark.parametrize("kind", ["signed", "tied"])
def test_weights_count_a_pixel_several_times(kind: str) -> None:
    score, mask = (values[:50_000] for values in _scores(kind, seed=4))
    weight = torch.from_numpy(np.random.default_rng(4).integers(0, 4, size=len(score)))
    weighted, repeated = ScoreHistogram(bits=16), ScoreHistogram(bits=16)
    weighted.update(score, mask, weight / 7)
    repeated.update(score.repeat_interleave(weight), mask.repeat_interleave(weight))
    torch.testing.assert_close(7 * weighted.counts, repeated.counts)
    assert weighted.auroc() == pytest.approx(repeated.auroc(), abs=1e-9)
    assert weighted.average_precision() == pytest.approx(repeated.average_precision(), abs=1e-9)


@pytest.mark.parametrize("max_fpr", [0.01, 0.3, 0.999, 1.0])
@pytest.mark.parametrize("kind", ["signed", "tied", "constant"])
def test_the_area_up_to_a_false_positive_rate_is_that_of_the_exact_curve(kind: str, max_fpr: float) -> None:
    score, mask = _scores(kind, seed=5)
    histogram = ScoreHistogram()
    histogram.update(score, mask)
    fpr, tpr, _ = roc_curve(mask, score, drop_intermediate=False)
    inside = fpr < max_fpr
    area = np.trapezoid(np.append(tpr[inside], np.interp(max_fpr, fpr, tpr)), np.append(fpr[inside], max_fpr))
    assert histogram.auroc(max_fpr) == pytest.approx(area / max_fpr, abs=1e-4)


@pytest.mark.parametrize("max_fpr", [0.0, -0.1, 1.1])
def test_a_false_positive_rate_out_of_range_is_refused(max_fpr: float) -> None:
    with pytest.raises(ValueError, match=r"expected in \(0, 1\]"):
        ScoreHistogram().auroc(max_fpr)
