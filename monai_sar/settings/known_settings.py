"""Every setting of the bundles' configs, and the kind of value that it takes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

from monai_sar.datasets.bmad_layouts import Split
from monai_sar.losses.prediction_loss import Likelihood
from monai_sar.networks.anomaly_detector import FeatureScaling
from monai_sar.networks.spatial_ar_net import Mode
from monai_sar.networks.two_witnesses import AbnormalIntensity, Verdict
from monai_sar.scans.image_stack import Color
from monai_sar.settings.kinds import DEVICE, FLAG, PATH, TEXT, UID, WINDOW, Kind, choice, list_of, number, whole_number
from monai_sar.settings.text_value import value_of_text
from monai_sar.transforms.orient_slices import ACQUISITION, AS_STORED, AXCODES

__all__ = ["KNOWN_SETTINGS", "setting_of_text"]

_COUNT = whole_number(least=1, example=4)
_SIDE = whole_number(least=1, most=8192, example=448)
_FRACTION = number(at_least=0, at_most=1, example=0.2)
_PERCENTILE = number(at_least=0, at_most=100, example=50)

KNOWN_SETTINGS: Mapping[str, Kind] = MappingProxyType(
    {
        # --- where things lie ---
        "bundle_root": PATH,
        "dataset_dir": PATH,
        "ckpt_dir": PATH,
        "ckpt_path": PATH,
        "feature_dir": PATH,
        "output_dir": PATH,
        "image_suffix": TEXT.or_null(),
        "lesion_suffix": TEXT.or_null(),
        "region_suffix": TEXT.or_null(),
        "series_uid": UID.or_null(),
        "volume": whole_number(least=0, example=0).or_null(),
        # --- how it runs ---
        "device": DEVICE,
        "seed": whole_number(least=0, most=2**32 - 1, example=42),  # what NumPy takes
        "amp": FLAG,
        "feature_store": choice("disk", "memory"),
        "slices_per_batch": _COUNT,
        # --- the detector ---
        "encoder_name": TEXT,
        "encoder_weights": PATH,  # or hub, random
        "encoder_layers": list_of(
            whole_number(example=8), "a list of the numbers of blocks, negative ones from the end, such as [8, 11]"
        ).or_null(),
        "image_size": list_of(
            _SIDE, "height and width in pixels, two whole numbers such as [448, 448]", length=2
        ).or_null(),
        "field_of_view": list_of(
            number(above=0, example=280), "height and width in mm, two numbers above 0 such as [280, 280]", length=2
        ).or_null(),
        "keep_aspect_ratio": FLAG,
        "feature_scaling": choice(*get_args(FeatureScaling)),
        "abnormal_intensity": choice(*get_args(AbnormalIntensity)),
        "verdict": choice(*get_args(Verdict)),
        "smoothing": number(at_least=0, at_most=100, example=0.7),
        "smoothing_across": number(at_least=0, at_most=1000, example=7.5),
        "mode": choice(*get_args(Mode)),
        "likelihood": choice(*get_args(Likelihood)),
        "hidden_channels": whole_number(least=1, most=16384, example=256),
        "num_layers": whole_number(least=1, most=100, example=5),
        "kernel_size": whole_number(least=1, most=99, example=3),
        "dilations": list_of(
            whole_number(least=1, most=1000, example=4), "a list of whole numbers of 1 or more, such as [3, 6]"
        ),
        # --- intensities, and where to score ---
        "color": choice(*get_args(Color)),
        "intensity": choice("foreground", "stored"),
        "foreground_percentile": _PERCENTILE,
        "foreground_level": number(above=0, at_most=1, example=0.4),
        "air_level": _FRACTION,
        "window": WINDOW,
        "equalize": FLAG,
        "cut_out": FLAG,
        "body_level": number(example=-300),
        "low_percentile": _PERCENTILE,
        "high_percentile": _PERCENTILE,
        "despeckle": whole_number(least=0, example=1),
        # --- scans ---
        "dicom_modality": TEXT,
        "slice_axis": choice(ACQUISITION, AS_STORED, *AXCODES),
        "spacing": list_of(
            number(above=0, example=0.5),
            "three lengths above 0 in mm, between columns, rows and slices, such as [0.5, 0.5, 3.0]",
            length=3,
        ).or_null(),
        "threshold": number(example=1.5).or_null(),
        "false_positive_rate": number(above=0, at_most=1, example=0.05).or_null(),
        # --- which scans and slices are learnt from ---
        "fold": whole_number(least=0, example=0).or_null(),
        "min_region": _FRACTION,
        "lesion_margin": number(at_least=0, example=5),
        "slices_per_scan": _COUNT.or_null(),
        # --- training ---
        "max_epochs": whole_number(least=1, example=40),
        "batch_size": whole_number(least=1, example=64),
        "learning_rate": number(at_least=0, example=0.001),
        "noise_probability": _FRACTION,
        "noise_scale": number(at_least=0, example=0.03),
        "val_interval": _COUNT,
        "early_stopping_patience": whole_number(least=1, example=10),
        "resume": FLAG,
        "tensorboard": FLAG,
        # --- evaluation ---
        "split": choice(*get_args(Split)),
        "bootstrap_resamples": whole_number(least=1, example=1000),
        "hide_names": FLAG,
    }
)


def setting_of_text(name: str, text: str) -> Any:
    """The value of a setting that is given as the text of an option.

    Args:
        name: of the setting. One that only a copied bundle knows has no kind: its value is read as in YAML.
        text: of its value.

    Raises:
        ValueError: it spells no value of that kind.
    """
    kind = KNOWN_SETTINGS.get(name)
    return value_of_text(text) if kind is None else kind.read_option(name, text)
