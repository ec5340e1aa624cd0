"""Embeddings of images, encoded once."""

from monai_sar.features.feature_dataset import FeatureDataset
from monai_sar.features.feature_store import FeatureStore, FeatureStoreError

__all__ = ["FeatureDataset", "FeatureStore", "FeatureStoreError"]
