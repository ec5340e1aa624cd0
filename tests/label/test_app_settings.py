"""``--conf`` of the server."""

from pathlib import Path

import pytest

from monai_sar.label.app_settings import read_conf
from monai_sar.settings import BundleError
from tests.conftest import BUNDLE

BUNDLES = {"bundles": str(BUNDLE.parent)}


def test_all_bundles_are_served_by_default() -> None:
    served = read_conf({})
    assert [each.name for each in served] == ["brain_mri_anomaly", "liver_ct_anomaly", "retinal_oct_anomaly"]
    assert [each.folder for each in served] == [BUNDLE.parent / each.name for each in served]


def test_settings_belong_to_one_model_and_are_read_as_yaml() -> None:
    conf = {
        **BUNDLES,
        "models": "liver_ct_anomaly, brain_mri_anomaly",
        "brain_mri_anomaly.image_size": "[48, 48]",
        "brain_mri_anomaly.encoder_weights": "random",
        "brain_mri_anomaly.threshold": "1e-1",
        "server_mode": "true",
    }
    liver, brain = read_conf(conf)
    assert (liver.name, liver.overrides) == ("liver_ct_anomaly", {})
    assert brain.overrides == {"image_size": [48, 48], "encoder_weights": "random", "threshold": 0.1}


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({"models": "brain"}, "has no bundle 'brain'; it has: brain_mri_anomaly"),
        ({"image_size": "[48, 48]"}, "expected 'bundles', 'models', or MODEL.SETTING"),
        ({"models": "brain_mri_anomaly", "liver_ct_anomaly.amp": "true"}, "one of the models brain_mri_anomaly"),
        (
            {"liver_ct_anomaly.window": "[1, "},
            "--conf liver_ct_anomaly.window: window is '.1, '; expected two numbers in HU",
        ),
    ],
)
def test_what_cannot_be_served_is_told(conf: dict[str, str], words: str) -> None:
    with pytest.raises(BundleError, match=words.replace("(", r"\(")):
        read_conf({**BUNDLES, **conf})


def test_a_folder_without_bundles_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds no bundles"):
        read_conf({"bundles": str(tmp_path)})
