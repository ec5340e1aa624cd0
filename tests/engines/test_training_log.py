"""A line for each epoch, of a small training with MONAI's engines."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.metrics import Average, Loss
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import ValidationHandler, from_engine
from torch import nn

from monai_sar.engines import ResumableEarlyStop, ResumableTraining, RunFolder, TrainingLog
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    encoder = DINOv3Encoder("vit_tiny_patch16_224", weights="random", layers=[0])
    return AnomalyDetector(encoder, SpatialARNet(2, encoder.channels, hidden_channels=4, dilations=(1,)))


class Train:
    """Trains a linear layer and returns the lines of the log, times replaced."""

    def __init__(self, folder: Path, detector: AnomalyDetector, caplog: pytest.LogCaptureFixture) -> None:
        self.folder = folder
        self.detector = detector
        self.caplog = caplog

    def __call__(self, epochs: int, *, interval: int = 1, patience: int = 9, learning_rate: float = 0.1) -> list[str]:
        self.caplog.clear()
        torch.manual_seed(0)
        items = [{"image": torch.randn(3), "label": torch.randn(3)} for _ in range(5)]
        loader: Any = DataLoader(Dataset(items), batch_size=2)
        network = nn.Linear(3, 3)
        optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)
        early_stopping = ResumableEarlyStop(
            patience=patience, score_function=lambda engine: -float(engine.state.metrics["loss"])
        )
        validator = SupervisedEvaluator(
            device=torch.device("cpu"),
            val_data_loader=loader,
            network=network,
            key_val_metric={"loss": Loss(nn.functional.mse_loss, from_engine(["pred", "label"]))},
            metric_cmp_fn=lambda current, best: current < best,
            val_handlers=[early_stopping],
            decollate=False,
        )
        folder = RunFolder(self.folder, settings={})
        log = TrainingLog(
            validator,
            detector=self.detector,
            checkpoint=folder.best,
            output_dir="output",
            train_metric="loss",
            validation_metric="loss",
        )
        trainer = SupervisedTrainer(
            device=torch.device("cpu"),
            max_epochs=epochs,
            train_data_loader=loader,
            network=network,
            optimizer=optimizer,
            loss_function=nn.functional.mse_loss,
            key_train_metric={"loss": Average(lambda output: output["loss"])},
            train_handlers=[ValidationHandler(interval, validator), log],
            decollate=False,
        )
        early_stopping.set_trainer(trainer)
        objects = {"optimizer": optimizer, "early_stopping": early_stopping}
        ResumableTraining(folder, detector=network, validator=validator, objects=objects).attach(trainer)
        with self.caplog.at_level(logging.INFO, logger="monai_sar"):
            trainer.run()
        own = [record.getMessage() for record in self.caplog.records if record.name.startswith("monai_sar")]
        return [re.sub(r"\b\d+ s\b", "TIME", re.sub(r"loss \d+\.\d{4}\b", "loss LOSS", line)) for line in own]


@pytest.fixture
def train(tmp_path: Path, detector: AnomalyDetector, caplog: pytest.LogCaptureFixture) -> Train:
    return Train(tmp_path / "models", detector, caplog)


def test_one_line_per_epoch_between_what_and_how_it_ended(train: Train) -> None:
    lines = train(3)
    assert lines[:2] == [
        "Training on cpu with 5 images, validating on 5, all normal; encoder vit_tiny_patch16_224 (random weights)",
        f"The best weights go to {train.folder / 'model.pt'}, the loss curve to output",
    ]
    assert lines[2:] == [
        "Epoch 1/3: training loss LOSS, validation loss LOSS, best epoch 1, about TIME left",
        "Epoch 2/3: training loss LOSS, validation loss LOSS, best epoch 2, about TIME left",
        "Epoch 3/3: training loss LOSS, validation loss LOSS, best epoch 3",
        "Training ended after TIME; the best weights are those of epoch 3",
    ]


def test_an_epoch_without_validation_says_nothing_of_it(train: Train) -> None:
    assert train(3, interval=2)[2:-1] == [
        "Epoch 1/3: training loss LOSS, about TIME left",
        "Epoch 2/3: training loss LOSS, validation loss LOSS, best epoch 2, about TIME left",
        "Epoch 3/3: training loss LOSS, best epoch 2",
    ]


def test_a_resumed_training_counts_on_and_a_finished_one_trains_nothing(train: Train) -> None:
    train(2)
    lines = train(4)
    assert lines[0] == "Resuming training after epoch 2 of 4"
    assert [line.split(":")[0] for line in lines if line.startswith("Epoch")] == ["Epoch 3/4", "Epoch 4/4"]
    [only] = train(4)
    assert only.startswith("Training has ended already, after epoch 4")


def test_early_stopping_is_told(train: Train) -> None:
    lines = train(50, patience=2, learning_rate=5)  # it diverges
    assert lines[-2] == "Epoch 3/50: training loss LOSS, validation loss LOSS, best epoch 1"
    assert lines[-1] == "Training stopped early, in epoch 3 of 50, after TIME; the best weights are those of epoch 1"
