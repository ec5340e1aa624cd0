"""A small training in two halves, against the same in one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.metrics import Average
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import LrScheduleHandler, ValidationHandler
from torch import Tensor, nn

from monai_sar.engines import EpochSeed, ResumableEarlyStop, ResumableTraining, ResumeError, RunFolder

DATA = [{"image": torch.randn(4, 3), "label": torch.randn(4, 3)} for _ in range(3)]


def loss_of(output: dict[str, Tensor]) -> Tensor:
    return nn.functional.mse_loss(output["pred"], output["label"])


def noisy(prediction: Tensor, target: Tensor) -> Tensor:
    return nn.functional.mse_loss(prediction + torch.randn(()), target)


def train(folder: Path, epochs: int, *, patience: int = 9, schedule: bool = True) -> tuple[Tensor, int, float]:
    """Weights, epochs done, learning rate."""
    torch.manual_seed(0)
    network = nn.Linear(3, 3)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    scheduler: Any = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.8)
    early_stopping = ResumableEarlyStop(
        patience=patience, score_function=lambda engine: -float(engine.state.metrics["loss"])
    )
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DATA,
        network=network,
        key_val_metric={"loss": Average(loss_of)},
        metric_cmp_fn=lambda current, best: current < best,
        val_handlers=[early_stopping],
        decollate=False,
    )
    handlers: list[Any] = [EpochSeed(0), ValidationHandler(1, evaluator)]
    handlers += [LrScheduleHandler(scheduler, print_lr=False)] if schedule else []
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=DATA,
        network=network,
        optimizer=optimizer,
        loss_function=noisy,
        train_handlers=handlers,
        decollate=False,
    )
    early_stopping.set_trainer(trainer)
    objects = {"optimizer": optimizer, "early_stopping": early_stopping} | (
        {"scheduler": scheduler} if schedule else {}
    )
    run_folder = RunFolder(folder, settings={})
    ResumableTraining(run_folder, detector=network, validator=evaluator, objects=objects).attach(trainer)
    trainer.run()
    return network.weight.detach(), trainer.state.epoch, optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("first", [1, 3, 5])
def test_two_halves_are_a_whole(first: int, tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", 6)
    train(tmp_path / "halves", first)
    halves = train(tmp_path / "halves", 6)
    assert torch.equal(halves[0], whole[0])
    assert halves[1:] == whole[1:]
    assert halves[2] == pytest.approx(0.1 * 0.8**6)
    best = [torch.load(tmp_path / name / "model.pt", weights_only=True)["weight"] for name in ("halves", "whole")]
    assert torch.equal(*best)


def test_what_has_ended_is_not_trained(tmp_path: Path) -> None:
    weight, _, _ = train(tmp_path, 3)
    written = (tmp_path / "last.pt").stat().st_mtime_ns
    for epochs in (3, 2):
        again, done, _ = train(tmp_path, epochs)
        assert torch.equal(again, weight)
        assert done == 3
    assert (tmp_path / "last.pt").stat().st_mtime_ns == written


def test_another_schedule_is_refused(tmp_path: Path) -> None:
    train(tmp_path, 1)
    with pytest.raises(ResumeError, match="scheduler"):
        train(tmp_path, 2, schedule=False)


def test_the_state_of_another_training_is_not_loaded_in_part(tmp_path: Path) -> None:
    train(tmp_path, 1, schedule=False)
    with pytest.raises(ResumeError, match="scheduler"):
        train(tmp_path, 2)
