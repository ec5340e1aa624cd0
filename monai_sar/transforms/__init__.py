"""MONAI transforms: from files to intensities in [0, 1], augmentation of features, and results back to files."""

from monai_sar.transforms.load_mask import LoadMask, LoadMaskd
from monai_sar.transforms.load_slice import LoadSlice, LoadSliced
from monai_sar.transforms.mri_intensity import MRIIntensity, MRIIntensityd
from monai_sar.transforms.rand_feature_noise import RandFeatureNoise
from monai_sar.transforms.save_overlay import SaveOverlayd
from monai_sar.transforms.save_volume import SaveVolumed

__all__ = [
    "LoadMask",
    "LoadMaskd",
    "LoadSlice",
    "LoadSliced",
    "MRIIntensity",
    "MRIIntensityd",
    "RandFeatureNoise",
    "SaveOverlayd",
    "SaveVolumed",
]
