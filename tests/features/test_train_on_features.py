"""Embeddings are trained on alike with and without a store, and shared by processes that are killed or meet."""

import json
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from monai.data import DataLoader
from monai.engines import SupervisedTrainer
from monai.utils import set_determinism
from torch import distributed

from monai_sar.engines import PrepareFeatures
from monai_sar.features import FeatureDataset
from monai_sar.losses import PredictionLoss
from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet
from monai_sar.transforms import (
    RandFeatureNoise,
)
from tests.features.embedding import TRANSFORM, CountingDetector, Open, features, write_images
from tests.forked_python import FORKSERVER


def train(dataset: FeatureDataset, encoder: DINOv3Encoder, *, epochs: int = 4) -> tuple[list[float], torch.Tensor]:
    """Train as the bundle does; returns the loss of every iteration, and all weights at the end."""
    set_determinism(seed=0)
    detector = AnomalyDetector(
        encoder,
        SpatialARNet(2, 192, hidden_channels=32, dilations=(1, 1)),
        image_size=(32, 48),
        feature_scaling="standardize",
    )
    detector.fit_scaling(item["features"] for item in dataset)
    losses: list[float] = []
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=DataLoader(dataset, batch_size=6, shuffle=True),
        network=detector.network,
        optimizer=torch.optim.AdamW(detector.network.parameters(), lr=1e-3),
        loss_function=PredictionLoss("mse"),
        prepare_batch=PrepareFeatures(detector.scaling, RandFeatureNoise(prob=0.5, scale=0.03)),
        decollate=False,
    )
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: losses.append(trainer.state.output["loss"].item()))
    trainer.run()
    set_determinism(seed=None)
    return losses, torch.cat([parameter.detach().flatten() for parameter in detector.network.parameters()])


def test_training_without_a_store_gives_the_same_up_to_float16(
    images: list[dict[str, str]], encoder: DINOv3Encoder, open_dataset: Open
) -> None:
    losses, weights = train(open_dataset(images)[0], encoder)
    losses_without, weights_without = train(open_dataset(images, store="memory")[0], encoder)
    assert len(losses) == 16
    assert losses[-1] < 0.98 * losses[0]  # it did train
    # float16 rounds each value by 2^-12 of itself on average, up and down alike: far less is left in a mean of
    # thousands of squares. Four epochs of training on it may let that grow.
    assert losses_without == pytest.approx(losses, rel=2**-12)
    assert losses_without != losses  # or it was the same store twice
    assert float((weights_without - weights).norm() / weights.norm()) < 2**-8


def encode(folder: Path, group: str) -> tuple[int, list[float]]:
    """Encode the images of a folder; returns how many were encoded, and what was read."""
    encoder = DINOv3Encoder("vit_tiny_patch16_224", weights="random")
    detector = CountingDetector(encoder, SpatialARNet(2, 192), image_size=(128, 128))
    items = [{"image": str(path)} for path in sorted(folder.glob("*.png"))]
    dataset = FeatureDataset(items, TRANSFORM, detector=detector, cache_dir=folder / group)
    return detector.encoded, features(dataset)[:, :4, 0, 0].flatten().tolist()


def encode_in_a_process(folder: Path, rank: int | None) -> None:
    """Encode alone, and then as one of two ranks; writes what :func:`encode` returned."""
    torch.set_num_threads(1)
    results = [encode(folder, "alone")]
    if rank is not None:
        distributed.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2)
        results.append(encode(folder, "ranks"))
        distributed.destroy_process_group()
    (folder / f"{rank}.json").write_text(json.dumps(results))


def test_processes_that_are_killed_or_meet_leave_a_whole_store(tmp_path: Path) -> None:
    count = 48
    write_images(tmp_path, count)

    def start(rank: int | None) -> ForkServerProcess:
        process = FORKSERVER.Process(target=encode_in_a_process, args=(tmp_path, rank))
        process.start()
        return process

    killed = start(None)
    while not list((tmp_path / "alone").glob("*/[0-9a-f]*")) and killed.is_alive():
        time.sleep(0.002)
    killed.kill()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    written = list((tmp_path / "alone").glob("*/[0-9a-f]*"))
    assert 0 < len(written) < count

    ranks = [start(rank) for rank in (0, 1)]
    for process in ranks:
        process.join()
    assert [process.exitcode for process in ranks] == [0, 0]
    (alone0, ranks0), (alone1, ranks1) = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    # what the killed process had written is not encoded again
    missing = count - len(written)
    assert max(alone0[0], alone1[0]) <= missing <= alone0[0] + alone1[0]
    # ranks share the work, but for a batch of each that the other one wrote meanwhile
    assert count <= ranks0[0] + ranks1[0] <= count + 2 * 16
    for values in (alone1[1], ranks0[1], ranks1[1]):
        assert values == pytest.approx(alone0[1], rel=2**-10, abs=1e-5)
