"""Learn what is usual in normal patches, once the network is trained."""

import logging
import os
from collections.abc import Iterable, Mapping

import ignite.distributed as idist
import torch
from torch import Tensor

from monai_sar.networks.anomaly_detector import AnomalyDetector, read_checkpoint, saved_with
from monai_sar.networks.checkpoint import replace_saved_with

__all__ = ["fit_witnesses"]

_logger = logging.getLogger(__name__)

_INSIDE = 0.5
"""Share of a patch that lies in the region, from which it counts."""


def fit_witnesses(
    detector: AnomalyDetector, path: str | os.PathLike[str], slices: Iterable[Mapping[str, Tensor]]
) -> None:
    """Load a checkpoint, learn how rare its errors and the intensities are, and write that into it.

    Does nothing for a detector without a second witness, or one that has learnt it already. The slices are those that
    it was trained on, so what :mod:`monai_sar.calibration` promises of other patients stays exact: none of them has a
    part in it. Of several processes the first does it, and the others wait.

    Args:
        detector: of the settings that the checkpoint was trained with. It then holds its weights.
        path: of the checkpoint, such as ``models/model.pt``. All else that it holds stays.
        slices: of normal scans: ``features`` ``[C, h, w]``, ``intensity`` and ``region`` ``[1, h, w]``, as
            :class:`monai_sar.features.FeatureDataset` gives them.

    Raises:
        CheckpointError: the checkpoint cannot be read, or was trained with other settings.
        ValueError: there is too little in the slices to learn from.
    """
    if detector.witnesses.intensity != "none" and idist.get_rank() == 0:
        state = read_checkpoint(path)
        detector.load_state_dict(state)
        if not detector.witnesses.fitted:
            errors, intensities = _patches(detector, slices)
            detector.witnesses.fit(errors, intensities)
            replace_saved_with(path, saved_with(state) | {"witnesses": detector.witnesses.to_dict()})
            _logger.info("Learnt from %d normal patches how rare errors and intensities are", len(errors))
    idist.barrier()


@torch.no_grad()
def _patches(detector: AnomalyDetector, slices: Iterable[Mapping[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """Errors and intensities of the patches in the region."""
    device = detector.encoder.mean.device
    training = detector.training
    detector.eval()
    errors, intensities = [], []
    for each in slices:
        inside = each["region"] >= _INSIDE
        errors.append(detector.error(each["features"][None].to(device))[0].float().cpu()[inside])
        intensities.append(each["intensity"][inside])
    detector.train(training)
    return torch.cat(errors), torch.cat(intensities)
