"""AUPRO against a computation that keeps every score and looks at each lesion by itself."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from numpy.typing import NDArray
from scipy import ndimage

from monai_sar.metrics import PixelAUPRO
from tests.forked_python import run_forked_ranks

Image = tuple[torch.Tensor, torch.Tensor]
"""Scores and mask, ``[1, H, W]`` each."""


def aupro(images: list[Image], regions: list[torch.Tensor] | None = None) -> float:
    metric = PixelAUPRO()
    scores, masks = zip(*images, strict=True)
    metric.update((scores, masks) if regions is None else (scores, masks, regions))
    return float(metric.compute())


def exact_aupro(images: list[Image], regions: list[torch.Tensor] | None = None) -> float:
    """Every distinct score is a threshold; the overlap of every lesion is counted at each."""
    inside = regions or [torch.ones_like(mask, dtype=torch.bool) for _, mask in images]
    normal: list[NDArray[np.float32]] = []
    lesions: list[NDArray[np.float32]] = []
    for (score, mask), region in zip(images, inside, strict=True):
        values, valid = score[0].numpy(), region[0].numpy()
        components, count = ndimage.label(mask[0].numpy(), structure=np.ones((3, 3)))
        normal.append(values[(components == 0) & valid])
        lesions += [values[(components == number) & valid] for number in range(1, count + 1)]
    lesions = [scores for scores in lesions if scores.size]

    thresholds = np.unique(np.concatenate([*normal, *lesions]))[::-1]

    def share_at_or_above(scores: NDArray[np.float32]) -> NDArray[np.float64]:
        return 1 - np.searchsorted(np.sort(scores), thresholds) / scores.size

    fpr = np.append(0, share_at_or_above(np.concatenate(normal)))
    overlap = np.append(0, np.mean([share_at_or_above(scores) for scores in lesions], axis=0))
    area = 0.0
    for left in range(len(fpr) - 1):
        width = min(fpr[left + 1], 0.3) - fpr[left]
        if width > 0:
            slope = (overlap[left + 1] - overlap[left]) / (fpr[left + 1] - fpr[left])
            area += width * (overlap[left] + slope * width / 2)
    return float(area / 0.3)


def make_images(kind: str, seed: int, count: int = 6) -> list[Image]:
    """Smooth maps of different sizes; lesions of all sizes, some that touch at a corner, score somewhat higher."""
    generator = np.random.default_rng(seed)
    images = []
    for number in range(count):
        height, width = generator.integers(60, 110, size=2)
        mask = np.zeros((height, width), bool)
        for _ in range(number % 4):  # the first image is normal
            row, column, size = generator.integers([0, 0, 1], [height - 25, width - 25, 25])
            mask[row : row + size, column : column + size] = True
            mask[row + size, column + size] = True
        score = ndimage.gaussian_filter(generator.normal(size=mask.shape), 2) * 7
        score += ndimage.gaussian_filter(mask * generator.uniform(0, 3), 2)
        score = {
            "signed": score,
            "squared errors": np.exp(score),
            "tiny": np.exp(score) * 1e-20,
            "narrow": 0.7 + 0.02 * score,
            "tied": np.round(2 * score),
            "constant": np.zeros_like(score),
        }[kind]
        images.append((torch.from_numpy(score.astype(np.float32))[None], torch.from_numpy(mask)[None]))
    return images


@pytest.mark.parametrize("kind", ["signed", "squared errors", "tiny", "narrow", "tied", "constant"])
def test_it_is_the_exact_area(kind: str) -> None:
    images = make_images(kind, seed=0)
    assert aupro(images) == pytest.approx(exact_aupro(images), abs=1e-4)


def test_only_the_order_of_the_scores_counts() -> None:
    images = make_images("signed", seed=1)
    transformed = [(3 * score**3 - 7, mask) for score, mask in images]
    assert aupro(transformed) == pytest.approx(aupro(images), abs=1e-4)
    assert 0.05 < aupro(images) < 0.95  # so that there was something to change


def test_perfect_maps_have_all_of_the_area_constant_ones_the_diagonal_and_inverted_ones_none() -> None:
    masks = [mask for _, mask in make_images("signed", seed=2)]
    assert aupro([(mask.float(), mask) for mask in masks]) == pytest.approx(1, abs=1e-12)
    assert aupro([(torch.zeros(mask.shape), mask) for mask in masks]) == pytest.approx(0.15, abs=1e-12)
    assert aupro([(-mask.float(), mask) for mask in masks]) == 0


@pytest.mark.parametrize("found", ["small", "large"])
def test_a_small_lesion_weighs_as_much_as_a_large_one(found: str) -> None:
    lesions = {"small": torch.zeros(1, 40, 40), "large": torch.zeros(1, 40, 40)}
    lesions["small"][0, 2:4, 2:4] = 1
    lesions["large"][0, 8:38, 8:38] = 1
    mask = lesions["small"] + lesions["large"]
    # one lesion above all normal pixels, the other below them: at every rate, half of the lesions are found
    score = torch.where(mask == 1, 2 * lesions[found] - 1, 0.0)
    # the curve leaves 1/2 only where all normal pixels are passed in one step, at a rate of 1
    assert aupro([(score, mask)]) == pytest.approx(0.5, abs=1e-12)


def test_pixels_that_touch_at_a_corner_are_one_lesion() -> None:
    mask = torch.zeros(1, 9, 9)
    mask[0, 1, 1] = mask[0, 2, 2] = 1
    mask[0, 6, 6] = 1
    score = torch.zeros(1, 9, 9)
    score[0, 6, 6] = 2
    score[0, 1, 1] = score[0, 2, 2] = -1
    assert aupro([(score, mask)]) == pytest.approx(1 / 2, abs=1e-12)  # 1/3 with neighbours at sides only


def test_a_volume_has_lesions_across_its_slices() -> None:
    mask = torch.zeros(1, 9, 9, 4)
    mask[0, 1, 1, 0] = mask[0, 2, 2, 1] = 1
    mask[0, 6, 6, :] = 1
    score = torch.zeros(1, 9, 9, 4)
    score[0, 6, 6] = 2
    score[0, :5, :5][mask[0, :5, :5] == 1] = -1
    assert aupro([(score, mask)]) == pytest.approx(1 / 2, abs=1e-12)


def test_image_by_image_is_all_at_once_in_any_order() -> None:
    images = make_images("squared errors", seed=3)
    metric = PixelAUPRO()
    for score, mask in reversed(images):
        metric.update(([score], [mask]))
    assert metric.compute() == pytest.approx(aupro(images), abs=1e-12)
    metric.reset()
    batch = [torch.stack(tensors) for tensors in zip(*[images[1], images[1]], strict=True)]
    metric.update((batch[0], batch[1]))  # [B, 1, H, W]
    assert metric.compute() == pytest.approx(aupro(images[1:2]), abs=1e-12)


def test_inside_a_region_nothing_else_counts() -> None:
    images = make_images("signed", seed=4)
    generator = torch.Generator().manual_seed(0)
    regions = []
    for score, _ in images:
        region = torch.zeros(score.shape)
        region[:, 10:-5, 8:-20] = 1
        regions.append(region.bool() & (torch.rand(region.shape, generator=generator) < 0.95))
    inside = aupro(images, regions)
    assert inside == pytest.approx(exact_aupro(images, regions), abs=1e-4)
    assert inside != pytest.approx(aupro(images), abs=1e-3)
    outside_changed = [
        (score.masked_fill(~region, torch.nan), mask) for (score, mask), region in zip(images, regions, strict=True)
    ]
    assert aupro(outside_changed, regions) == inside
    assert aupro(images, [region.float() for region in regions]) == inside
    everywhere = [torch.ones_like(mask) for _, mask in images]
    assert aupro(images, everywhere) == aupro(images)


def test_a_region_does_not_split_a_lesion_and_drops_those_outside() -> None:
    mask, region = torch.zeros(1, 20, 20), torch.ones(1, 20, 20)
    mask[0, 3:6, 2:18] = 1  # the gap below leaves two pieces of this one
    mask[0, 12:14, 2:4] = 1
    mask[0, 17, 17] = 1
    region[0, :, 9:11] = 0
    region[0, 17, 17] = 0  # an empty lesion would pull the mean down
    score = torch.zeros(1, 20, 20)
    score[0, 3:6] = -1
    score[0, 12:14, 2:4] = 1
    assert aupro([(score, mask)], [region]) == pytest.approx(1 / 2, abs=1e-12)


def test_an_image_with_an_empty_region_counts_nothing() -> None:
    images = make_images("signed", seed=5)
    everywhere = [torch.ones_like(mask) for _, mask in images]
    nowhere = [torch.zeros_like(images[2][1])]
    assert aupro([*images, images[2]], everywhere + nowhere) == aupro(images)


def test_in_an_engine_as_a_config_attaches_it() -> None:
    images = make_images("signed", seed=6)
    regions = [(score < 4).float() for score, _ in images]
    from_engine = "$monai.handlers.from_engine"
    config = {
        "plain": {"output_transform": f"{from_engine}(['pred', 'label'])"},
        "inside": {"output_transform": f"{from_engine}(['pred', 'label', 'region'])"},
    }
    metrics_config = {name: {"_target_": "monai_sar.metrics.PixelAUPRO", **rest} for name, rest in config.items()}
    parser = ConfigParser(metrics_config, globals={"monai": "monai"})
    engine = Engine(lambda _, items: items)
    for name in ("plain", "inside"):
        parser.get_parsed_content(name).attach(engine, name)
    items = [
        [{"pred": MetaTensor(score), "label": MetaTensor(mask.to(torch.uint8)), "region": MetaTensor(region)}]
        for (score, mask), region in zip(images, regions, strict=True)
    ]
    for _ in range(2):  # the second run starts anew
        metrics = engine.run(items).metrics
        assert metrics["plain"] == pytest.approx(exact_aupro(images), abs=1e-4)
        assert metrics["inside"] == pytest.approx(exact_aupro(images, [region.bool() for region in regions]), abs=1e-4)


def test_what_cannot_be_measured_is_told() -> None:
    score, mask = torch.rand(1, 8, 8), torch.zeros(1, 8, 8)
    with pytest.raises(ValueError, match="there are 64 and 0"):
        aupro([(score, mask)])
    with pytest.raises(ValueError, match="there are 0 and 1"):
        aupro([(score, torch.ones(1, 8, 8))])
    with pytest.raises(ValueError, match=r"shape \(2, 8, 8\), expected one channel"):
        aupro([(torch.rand(2, 8, 8), torch.zeros(2, 8, 8))])
    with pytest.raises(ValueError, match=r"\(1, 8, 8\), the mask \(1, 8, 9\)"):
        aupro([(score, torch.zeros(1, 8, 9))])
    with pytest.raises(ValueError, match=r"region has shape \(1, 8, 7\), the map or mask has \(1, 8, 8\)"):
        aupro([(score, mask)], [torch.ones(1, 8, 7)])
    with pytest.raises(ValueError, match="NaN"):
        aupro([(score.masked_fill(score > 0.5, torch.nan), mask)])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of the process from /proc")
def test_memory_does_not_grow_with_the_number_of_images() -> None:
    def resident_mebibytes() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    mask = torch.zeros(1, 256, 256)
    mask[0, 50:90, 60:100] = 1
    generator = torch.Generator().manual_seed(0)
    metric = PixelAUPRO()
    for number in range(310):
        if number == 10:
            before = resident_mebibytes()
        metric.update(([torch.rand(1, 256, 256, generator=generator)], [mask]))
    kept = 300 * mask.numel() * 4 / 2**20  # 75 MiB of scores, were they kept
    assert resident_mebibytes() - before < 0.3 * kept


TWO_PROCESSES = """
import json, sys, ignite.distributed as idist, torch
from monai_sar.metrics import PixelAUPRO
with idist.Parallel(backend="gloo"):
    metric = PixelAUPRO()
    for score, mask in torch.load(sys.argv[1], weights_only=True)[idist.get_rank()::2]:
        metric.update(([score], [mask]))
    values = idist.all_gather(metric.compute())
    if idist.get_rank() == 0:
        print(json.dumps(values.tolist() if torch.is_tensor(values) else values))
"""


def test_two_processes_that_share_the_images_have_the_value_of_one(tmp_path: Path) -> None:
    images = make_images("signed", seed=7)
    torch.save(images, tmp_path / "images.pt")
    (tmp_path / "share.py").write_text(TWO_PROCESSES)
    first, second = run_forked_ranks("share", tmp_path / "images.pt", cwd=tmp_path)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert json.loads(first.stdout.splitlines()[-1]) == pytest.approx([aupro(images)] * 2, abs=1e-12)
