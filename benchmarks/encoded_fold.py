"""The embeddings of a fold, encoded once for all methods and folds."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from monai.transforms import Compose

from benchmarks.labelled_volumes import shown_slices
from benchmarks.patient_folds import Fold
from monai_sar.engines import RunFolder, images_digest
from monai_sar.features import FeatureDataset
from monai_sar.networks import AnomalyDetector
from monai_sar.settings.bundle_config import read_bundle_config

__all__ = ["EncodedFold"]


class EncodedFold:
    """A fold as a bundle prepares and encodes it; what is in the feature store is not encoded again.

    Args:
        fold: its scans.
        bundle: folder of the bundle.
        settings: of its training config; ``dataset_dir`` is the datalist of the fold.

    Attributes:
        held: the scans to be scored.
        detector: of the bundle, not trained.
        preprocessing: of the bundle.
        depends_on: what all scores of the fold depend on, whatever the method; JSON-able.
    """

    def __init__(self, fold: Fold, bundle: str, settings: Mapping[str, Any]) -> None:
        parts = ["train", "validate", "network", "preprocessing", "run_folder"]
        self._parser = read_bundle_config(bundle, "train", parts=parts, overrides=settings)
        self._features = Path(settings["feature_dir"])
        self.held = fold.held
        self.detector: AnomalyDetector = self._parser.get_parsed_content("network").eval()
        self.preprocessing: Compose = self._parser.get_parsed_content("preprocessing")
        run_folder: RunFolder = self._parser.get_parsed_content("run_folder")
        names = ("train_images", "valid_images", "slices")
        self.depends_on: dict[str, Any] = {
            "held_images": images_digest(fold.held),
            "embedding": self.detector.embedding_settings,
            **{name: run_folder.settings[name] for name in names},
        }

    @cached_property
    def train(self) -> FeatureDataset:
        """The normal slices that the bundle trains on."""
        found: FeatureDataset = self._parser.get_parsed_content("train#dataset")
        return found

    @cached_property
    def valid(self) -> FeatureDataset:
        """The normal slices that the bundle validates on."""
        found: FeatureDataset = self._parser.get_parsed_content("validate#dataset")
        return found

    @cached_property
    def volumes(self) -> list[FeatureDataset]:
        """Of each scan to be scored, all slices that show something."""
        return [
            FeatureDataset(
                [item], self.preprocessing, detector=self.detector, cache_dir=self._features, slices=shown_slices
            )
            for item in self.held
        ]
