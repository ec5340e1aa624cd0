"""Random transforms are found wherever they stand, and nothing else is taken for one."""

import pytest
from monai.transforms import Compose, Flipd, Identityd, OneOf, RandFlipd, RandGaussianNoised

from monai_sar.settings.bundle_config import read_bundle_config
from monai_sar.transforms import ByKindd
from monai_sar.transforms.random_transforms import random_transforms
from tests.bundles.conftest import ROOT

NOISE, FLIP = RandGaussianNoised("image"), RandFlipd("image")


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (NOISE, ["RandGaussianNoised"]),
        (Compose([Flipd("image"), Compose([FLIP, NOISE])]), ["RandFlipd", "RandGaussianNoised"]),
        (ByKindd("image", image_files=Identityd("image"), scans=Compose([FLIP])), ["RandFlipd"]),
        (OneOf([Flipd("image", 0), Flipd("image", 1)]), ["OneOf"]),
        (Compose([Flipd("image"), Compose([Identityd("image")])]), []),
        (lambda item: item, []),
    ],
)
def test_they_are_found(transform: object, expected: list[str]) -> None:
    assert random_transforms(transform) == expected


@pytest.mark.parametrize("domain", ["brain_mri", "liver_ct", "retinal_oct"])
def test_the_preprocessing_of_the_bundles_has_none(domain: str) -> None:
    parser = read_bundle_config(ROOT / "bundles" / f"{domain}_anomaly", "train", parts=(), overrides={})
    preprocessing = parser.get_parsed_content("preprocessing")
    assert isinstance(preprocessing, Compose)
    assert random_transforms(preprocessing) == []
