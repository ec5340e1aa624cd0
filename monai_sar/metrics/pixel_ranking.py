"""Pixel AUROC and average precision as metrics of an engine."""

from collections.abc import Sequence

from ignite.metrics import Metric
from ignite.metrics.metric import reinit__is_reduced, sync_all_reduce
from torch import Tensor

from monai_sar.metrics.score_histogram import ScoreHistogram

__all__ = ["PixelAUROC", "PixelAveragePrecision"]


class _PixelRanking(Metric):
    """Ranks the pixels of all images against each other, in constant memory and over all processes."""

    _state_dict_all_req_keys = ("_counts",)

    @reinit__is_reduced
    def reset(self) -> None:
        self._histogram = ScoreHistogram()
        self._counts = self._histogram.counts

    @reinit__is_reduced
    def update(self, output: tuple[Sequence[Tensor] | Tensor, Sequence[Tensor] | Tensor]) -> None:
        for score, mask in zip(*output, strict=True):
            self._histogram.update(score, mask)

    @sync_all_reduce("_counts")
    def compute(self) -> float:
        self._histogram.counts = self._counts
        return self._value(self._histogram)

    def _value(self, histogram: ScoreHistogram) -> float:
        raise NotImplementedError


class PixelAUROC(_PixelRanking):
    """Area under the ROC curve over all pixels of all images; see :class:`ScoreHistogram`.

    Takes ``(scores, masks)``: lists, or batches, of ``[1, H, W]`` of any size. Use it with
    ``output_transform=from_engine(["pred", "label"])``.
    """

    def _value(self, histogram: ScoreHistogram) -> float:
        return histogram.auroc()


class PixelAveragePrecision(_PixelRanking):
    """Average precision over all pixels of all images, the paper's "pixel AUPR"; see :class:`ScoreHistogram`.

    Takes what :class:`PixelAUROC` takes.
    """

    def _value(self, histogram: ScoreHistogram) -> float:
        return histogram.average_precision()
