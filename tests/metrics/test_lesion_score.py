"""Up to which threshold a lesion is found."""

import math

import numpy as np
import pytest
from scipy import ndimage

from monai_sar.metrics.lesion_score import find_lesions, label_lesions


def test_a_lesion_is_found_while_a_tenth_of_its_pixels_is_flagged() -> None:
    """Against flagging the image at every threshold and counting."""
    generator = np.random.default_rng(0)
    score = generator.normal(size=(60, 70)).astype(np.float32)
    mask = ndimage.gaussian_filter(generator.normal(size=(60, 70)), 3) > 0.06
    region = np.ones_like(mask)
    region[:, :20] = False
    lesions = label_lesions(mask)
    found = find_lesions(score, lesions, region)
    assert len(found) == ndimage.label(mask, structure=np.ones((3, 3)))[1] > 3
    for number, lesion in enumerate(found, start=1):
        pixels = lesions == number
        assert lesion.voxels == pixels.sum()
        for threshold in (-2.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0):
            flagged = ((score > threshold) & region & pixels).sum()
            assert (lesion.score > threshold) == (flagged >= 0.1 * lesion.voxels - 1e-9)


@pytest.mark.parametrize(("area", "needed"), [(1, 1), (9, 1), (10, 1), (11, 2), (30, 3), (31, 4)])
def test_a_tenth_is_rounded_up(area: int, needed: int) -> None:
    score = np.arange(float(area))[None]
    (lesion,) = find_lesions(score, label_lesions(np.ones((1, area), bool)), np.ones((1, area), bool))
    assert lesion.score == area - needed


def test_what_lies_outside_the_region_is_never_found() -> None:
    score = np.full((1, 20), 9.0)
    region = np.zeros((1, 20), bool)
    region[0, 0] = True
    (lesion,) = find_lesions(score, label_lesions(np.ones((1, 20), bool)), region)
    assert lesion.score == -math.inf
    assert find_lesions(score, label_lesions(np.zeros((1, 20), bool)), region) == ()
