"""Losses by epoch, also where validation is rarer than epochs."""

import json
from pathlib import Path

from ignite.engine import Engine, Events
from PIL import Image

from monai_sar.engines import TrainingCurve


def test_each_loss_is_kept_with_its_epoch(tmp_path: Path) -> None:
    trainer, validator = Engine(lambda _, batch: batch), Engine(lambda _, batch: batch)
    losses = {1: 0.9, 2: 0.7, 3: 0.6, 4: 0.65}

    @trainer.on(Events.EPOCH_COMPLETED)
    def _train(engine: Engine) -> None:
        engine.state.metrics["train_loss"] = losses[engine.state.epoch]

    @trainer.on(Events.EPOCH_COMPLETED(every=2))
    def _validate(engine: Engine) -> None:
        # as MONAI's ValidationHandler: the validator takes the trainer's epoch
        validator.state.epoch = engine.state.epoch - 1
        validator.state.max_epochs = engine.state.epoch
        validator.run([0], max_epochs=engine.state.epoch)
        validator.state.metrics["val_loss"] = 2 * losses[engine.state.epoch]

    TrainingCurve(tmp_path, validator, "train_loss", "val_loss").attach(trainer)
    trainer.run([0], max_epochs=4)
    record = json.loads((tmp_path / "training_curve.json").read_text())
    assert record["train_loss"] == [[epoch, loss] for epoch, loss in losses.items()]
    assert record["val_loss"] == [[2, 1.4], [4, 1.3]]
    assert record["best_epoch"] == 4
    with Image.open(tmp_path / "training_curve.png") as picture:
        assert min(picture.size) > 300


def test_a_resumed_curve_holds_the_epochs_before(tmp_path: Path) -> None:
    def curve_of(epochs: range, before: TrainingCurve | None = None) -> TrainingCurve:
        trainer, validator = Engine(lambda _, batch: batch), Engine(lambda _, batch: batch)
        curve = TrainingCurve(tmp_path, validator, "train_loss", "val_loss")
        if before is not None:
            curve.load_state_dict(before.state_dict())
        for epoch in epochs:
            trainer.state.epoch = validator.state.epoch = epoch
            trainer.state.metrics["train_loss"] = validator.state.metrics["val_loss"] = 1 / epoch
            curve(trainer)
        return curve

    curve_of(range(1, 5))
    whole = (tmp_path / "training_curve.json").read_text()
    first = curve_of(range(1, 3))
    assert (tmp_path / "training_curve.json").read_text() != whole
    curve_of(range(3, 5), first)
    assert (tmp_path / "training_curve.json").read_text() == whole
    assert len(first.train) == 2
