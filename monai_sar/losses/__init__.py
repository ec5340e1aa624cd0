"""Losses of the AR network: a prediction and its likelihood."""

from monai_sar.losses.prediction_loss import Likelihood, PredictionLoss

__all__ = ["Likelihood", "PredictionLoss"]
