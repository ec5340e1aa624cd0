"""Embeddings of the slices of scans, encoded once."""

from monai_sar.features.feature_dataset import FeatureDataset
from monai_sar.features.feature_store import FeatureStore, FeatureStoreError
from monai_sar.features.slice_choice import SliceChoice, normal_slices

__all__ = ["FeatureDataset", "FeatureStore", "FeatureStoreError", "SliceChoice", "normal_slices"]
