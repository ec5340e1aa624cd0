"""The whole detector: an image in, its anomaly map out."""

import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import monai
import torch
from torch import Tensor, nn

from monai_sar._torchvision import timm
from monai_sar._versions import __version__
from monai_sar.calibration.calibration import DIGEST, Calibration
from monai_sar.calibration.conformal import ScoreCalibrationError
from monai_sar.losses.prediction_loss import PredictionLoss
from monai_sar.networks.channel_standardization import ChannelStandardization
from monai_sar.networks.channel_whitening import ChannelWhitening
from monai_sar.networks.checkpoint import (
    CheckpointError,
    CheckpointMismatchError,
    as_extra_state,
    differences,
    read_checkpoint,
    replace_saved_with,
    saved_with,
)
from monai_sar.networks.dinov3_encoder import DINOv3Encoder
from monai_sar.networks.letterbox import Letterbox
from monai_sar.networks.score_smoothing import ScoreSmoothing
from monai_sar.networks.slice_smoothing import SliceSmoothing
from monai_sar.networks.spatial_ar_net import SpatialARNet
from monai_sar.networks.two_witnesses import AbnormalIntensity, TwoWitnesses, Verdict, patch_intensity

__all__ = ["AnomalyDetector", "CheckpointError", "CheckpointMismatchError", "read_checkpoint", "saved_with"]

_logger = logging.getLogger(__name__)

_TOLD = 500
"""Letters of what PyTorch says of a checkpoint."""

FeatureScaling = Literal["none", "standardize", "direction", "whiten"]


class AnomalyDetector(nn.Module):
    """Frozen encoder + channel scaling + spatial AR network + prediction error + smoothing + upsampling [0].

    The state dict holds the AR network and the scaling of the channels, *not* the encoder, whose size and licence
    are its own. It also holds what they were trained with (the ``settings``): loading it beside another
    encoder, another network mode or another preprocessing is an error, because it would give a wrong map.

    Attribute ``calibration``: what normal patients promise of its scores (see :mod:`monai_sar.calibration`); None until
    it is calibrated. Attribute ``trained_on``: the first digits of the SHA-256 of each scan that it was trained on.
    Both are part of the state dict.

    [0]: https://arxiv.org/abs/2603.02974

    Args:
        encoder: image -> grid of embeddings.
        network: grid of embeddings -> predicted grid.
        image_size: ``(height, width)`` in pixels that every image is fitted into (see :class:`Letterbox`); None
            encodes images at their own size.
        keep_aspect_ratio: False stretches images over the whole of ``image_size``.
        feature_scaling: of the embedding channels, by what the training embeddings show: ``"none"`` (the paper),
            ``"standardize"`` (see :class:`ChannelStandardization`), ``"direction"`` (the same of embeddings at length
            1) or ``"whiten"`` (see :class:`ChannelWhitening`).
        smoothing: of the scores, sigma in patches; 0 for none (the paper). See :class:`ScoreSmoothing`.
        smoothing_across: of the scores of a volume across its slices, sigma in mm; 0 for none. Whoever puts slices
            together does it (:class:`monai_sar.inferers.VolumeInferer`): see :class:`SliceSmoothing`.
        abnormal_intensity: which intensities of a patch are a second witness: ``"bright"``, ``"dark"``, ``"both"``, or
            ``"none"`` (the paper). See :class:`TwoWitnesses`.
        verdict: how the two are put together: the ``"least"`` surprised of them, or their ``"sum"``.
        preprocessing: settings of the transforms that make the intensities in [0, 1]; kept with the checkpoint
            and compared when it is loaded. Numbers, strings, lists and dictionaries.

    Example:
        >>> import torch
        >>> from monai_sar.networks import AnomalyDetector, DINOv3Encoder, SpatialARNet
        >>> encoder = DINOv3Encoder(weights="random")
        >>> detector = AnomalyDetector(encoder, SpatialARNet(2, encoder.channels), image_size=(64, 64))
        >>> detector(torch.rand(1, 3, 50, 80)).shape
        torch.Size([1, 1, 50, 80])
    """

    def __init__(
        self,
        encoder: DINOv3Encoder,
        network: SpatialARNet,
        *,
        image_size: Sequence[int] | None = (448, 448),
        keep_aspect_ratio: bool = True,
        feature_scaling: FeatureScaling = "none",
        smoothing: float = 0,
        smoothing_across: float = 0,
        abnormal_intensity: AbnormalIntensity = "none",
        verdict: Verdict = "least",
        preprocessing: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if network.settings["spatial_dims"] != 2 or network.settings["in_channels"] != encoder.channels:
            raise ValueError(
                f"The encoder gives a 2D grid of {encoder.channels} channels; the AR network expects "
                f"{network.settings['spatial_dims']}D and {network.settings['in_channels']} channels."
            )
        self.encoder = encoder
        self.network = network
        size = None if image_size is None else (int(image_size[0]), int(image_size[1]))
        self.letterbox = Letterbox(size, keep_aspect_ratio=keep_aspect_ratio)
        self.feature_scaling = feature_scaling
        self.scaling = _scaling(feature_scaling, encoder.channels)
        self.prediction_error = PredictionLoss(network.likelihood, reduction="none")
        self.witnesses = TwoWitnesses(abnormal_intensity, verdict)
        self.smoothing = ScoreSmoothing(smoothing)
        self.smoothing_across = SliceSmoothing(smoothing_across)
        self.preprocessing = dict(preprocessing or {})
        self.calibration: Calibration | None = None
        self.trained_on: tuple[str, ...] = ()
        self.register_state_dict_post_hook(_drop_encoder)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_expect_no_encoder)  # type: ignore[no-untyped-call]

    @property
    def embedding_settings(self) -> dict[str, Any]:
        """What the embeddings of an image depend on; JSON-able. Equal settings give equal embeddings."""
        settings = {
            "encoder": self.encoder.identity,
            "image_size": self.letterbox.size,
            "keep_aspect_ratio": self.letterbox.keep_aspect_ratio,
            "preprocessing": self.preprocessing,
        }
        return dict(json.loads(json.dumps(settings)))  # tuples as lists, as they come back from a checkpoint

    @property
    def training_settings(self) -> dict[str, Any]:
        """What training depends on; JSON-able."""
        return self.embedding_settings | {"network": self.network.settings, "feature_scaling": self.feature_scaling}

    @property
    def settings(self) -> dict[str, Any]:
        """What a checkpoint belongs to; JSON-able."""
        return self.training_settings | self.score_settings

    @property
    def score_settings(self) -> dict[str, Any]:
        """What is made of the prediction errors, of which training learns nothing: may be changed afterwards."""
        return {
            "smoothing": self.smoothing.sigma,
            "smoothing_across": self.smoothing_across.sigma,
            "abnormal_intensity": self.witnesses.intensity,
            "verdict": self.witnesses.verdict,
        }

    def embed(self, image: Tensor) -> Tensor:
        """Encode images.

        Args:
            image: ``[B, 3, H, W]`` or ``[B, 1, H, W]`` (grey), intensities in [0, 1].

        Returns:
            ``[B, C, h, w]``, float32, not scaled.

        Raises:
            ValueError: it is being traced or exported and has no image size.
        """
        return self._encode(self._fit(image))

    def require_image_size(self) -> tuple[int, int]:
        """The size into which all images are fitted, which whoever records (traces, exports) a detector needs.

        Without one the encoder's positions would be those of the example, and the map of any other image wrong
        without a word.

        Raises:
            ValueError: there is none.
        """
        if self.letterbox.size is None:
            raise ValueError(
                "Without an image size the encoder's positions cannot be exported for all sizes. Train with an "
                "image_size, such as [448, 448]; images of every size fit into it."
            )
        return self.letterbox.size

    def error(self, features: Tensor) -> Tensor:
        """Prediction error of every embedding, the paper's score: ``[B, C, h, w] -> [B, 1, h, w]``."""
        features = self.scaling(features)
        error: Tensor = self.prediction_error(self.network(features), features)
        return error

    def score(self, features: Tensor, intensity: Tensor | None = None) -> Tensor:
        """Score every patch, high is anomalous: the prediction error, what a second witness says, smoothed.

        Before training a second witness knows nothing, and the error alone counts.

        Args:
            features: ``[B, C, h, w]``, as :meth:`embed` gives them.
            intensity: ``[B, 1, h, w]``, as :meth:`patch_intensity` gives it; needed for a second witness alone.

        Raises:
            ValueError: a second witness is not told the intensities.
        """
        error = self.error(features).float()
        if self.witnesses.intensity == "none" or not self.witnesses.fitted:
            return self.smoothing(error)  # type: ignore[no-any-return]
        if intensity is None:
            raise ValueError(f"Abnormal intensities are {self.witnesses.intensity}: give those of the patches, too.")
        score: Tensor = self.smoothing(self.witnesses(error, intensity))
        return score

    def patch_intensity(self, image: Tensor) -> Tensor:
        """Mean intensity of every patch of images ``[B, C, H, W]``: ``[B, 1, h, w]``; see :func:`patch_intensity`."""
        return patch_intensity(self.letterbox(image.float()), self.encoder.patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """Map the anomalies of images.

        Args:
            image: ``[B, 3, H, W]`` or ``[B, 1, H, W]``, intensities in [0, 1], any H and W.

        Returns:
            ``[B, 1, H, W]``, float32: the score at every pixel, bilinear between patches.
        """
        fitted = self._fit(image)
        needed = self.witnesses.intensity != "none"
        intensity = patch_intensity(fitted, self.encoder.patch_size) if needed else None
        score = self.score(self._encode(fitted), intensity).float()
        size = (image.shape[-2], image.shape[-1])
        return self.letterbox.restore(score, patch_size=self.encoder.patch_size, image_size=size)

    def _fit(self, image: Tensor) -> Tensor:
        if torch.jit.is_tracing() or torch.onnx.is_in_onnx_export():  # type: ignore[attr-defined, no-untyped-call]
            self.require_image_size()
        fitted: Tensor = self.letterbox(image.float())
        return fitted

    def _encode(self, fitted: Tensor) -> Tensor:
        features: Tensor = self.encoder(fitted.expand(-1, 3, -1, -1) if fitted.shape[1] == 1 else fitted)
        return features

    def fit_scaling(self, features: Iterable[Tensor]) -> None:
        """Take the scaling of the channels from training embeddings ``[C, h, w]``, in one pass.

        Does nothing, and reads nothing, if the detector does not scale.
        """
        if isinstance(self.scaling, (ChannelStandardization, ChannelWhitening)):
            self.scaling.fit(features)

    def remember_scans(self, digests: Iterable[str]) -> None:
        """Note on which scans it is trained, by their SHA-256: such a scan gets no p-value."""
        self.trained_on = tuple(sorted({digest[:DIGEST] for digest in digests}))

    def load_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Load a trained checkpoint, ``model.pt`` or ``last.pt``, tensors only.

        Raises:
            CheckpointError: no such file, a damaged one, not a checkpoint of an anomaly detector, or one whose second
                witness has not seen normal patches: its training has not ended.
            CheckpointMismatchError: it was trained with other settings than this detector's.
        """
        try:
            self.load_state_dict(read_checkpoint(path))
        except RuntimeError as error:  # PyTorch's own; it names each tensor in a line
            raise CheckpointError(
                f"'{path}' does not hold the tensors of a detector with its settings: "
                f"{' '.join(str(error).split())[:_TOLD]}. It is damaged, so copy it again, or train again."
            ) from error
        if self.witnesses.intensity != "none" and not self.witnesses.fitted:
            raise CheckpointError(
                f"This detector compares intensities with those of normal scans, of which '{path}' knows nothing. Run "
                "its training to its end (again, if it has ended: nothing is trained twice), or set "
                "abnormal_intensity=none."
            )

    def save_calibration(self, path: str | os.PathLike[str]) -> None:
        """Write the calibration, and the smoothing it is for, into the checkpoint that this detector came from.

        All else that it holds stays.

        Raises:
            CheckpointError: it cannot be read.
            CheckpointMismatchError: its weights are others.
        """
        state, own = read_checkpoint(path), self.state_dict()
        weights = own.keys() - {"_extra_state"}
        if not all(key in state and torch.equal(state[key], own[key].cpu()) for key in weights):
            raise CheckpointMismatchError(f"'{path}' holds other weights than the detector that was calibrated.")
        saved = saved_with(state)
        settings = saved["settings"] | self.score_settings
        replace_saved_with(path, saved | {"settings": settings, "calibration": saved_with(own)["calibration"]})

    def get_extra_state(self) -> Tensor:
        """The settings and versions as JSON in a byte tensor, so that ``weights_only`` loaders read it."""
        versions = {
            "monai_sar": __version__,
            "torch": str(torch.__version__),
            "monai": monai.__version__,
            "timm": timm.__version__,
        }
        return as_extra_state(
            {
                "settings": self.settings,
                "encoder_weights": self.encoder.weights_from,
                "versions": versions,
                "trained_on": list(self.trained_on),
                "witnesses": self.witnesses.to_dict(),
                "calibration": None if self.calibration is None else self.calibration.to_dict(),
            }
        )

    def set_extra_state(self, state: Tensor) -> None:
        """Compare the settings of a checkpoint with this detector's, and take over its calibration.

        Scores may be smoothed otherwise than when it was trained, which learned nothing of that; but a calibration is
        of the scores as they were smoothed, and is left out then, with a warning.

        Raises:
            CheckpointMismatchError: they differ; the message names every setting that does.
            CheckpointError: the calibration is damaged.
        """
        saved = saved_with({"_extra_state": state})
        trained = dict(saved["settings"])
        own = self.score_settings
        changed = differences({name: trained.pop(name, None) for name in own}, own)
        found = differences(trained, self.training_settings)
        if found:
            listing = "\n".join(f"  {d.name}: trained with {d.saved!r}, now {d.own!r}" for d in found)
            raise CheckpointMismatchError(
                f"This checkpoint was trained with other settings than it is now used with:\n{listing}\n"
                "Give the settings it was trained with (in a bundle: the same --encoder_name, --encoder_weights, "
                "--image_size, ... as in training), or train again."
            )
        self.trained_on = tuple(map(str, saved.get("trained_on", ())))
        try:
            self.witnesses.load_dict(saved.get("witnesses"))
        except ValueError as error:
            raise CheckpointError(f"What the detector knows of normal patches is damaged: {error}") from error
        calibration = saved.get("calibration")
        try:
            self.calibration = None if calibration is None else Calibration.from_dict(calibration)
        except ScoreCalibrationError as error:
            raise CheckpointError(f"{error} Calibrate the checkpoint again: monai-sar calibrate.") from error
        if self.calibration is not None and changed:
            self.calibration = None
            _logger.warning(
                "The checkpoint is calibrated for other scores (%s): there are no thresholds and p-values. To "
                "calibrate for these: monai-sar calibrate %s",
                ", ".join(f"{d.name} was {d.saved}, here it is {d.own}" for d in changed),
                " ".join(f"--set {d.name}={d.own}" for d in changed),
            )


def _scaling(kind: FeatureScaling, channels: int) -> nn.Module:
    if kind not in get_args(FeatureScaling):
        raise ValueError(f"The feature scaling is {kind!r}; expected one of {', '.join(get_args(FeatureScaling))}.")
    if kind == "none":
        return nn.Identity()
    if kind == "whiten":
        return ChannelWhitening(channels)
    return ChannelStandardization(channels, unit_length=kind == "direction")


def _drop_encoder(module: nn.Module, state_dict: dict[str, Any], prefix: str, local_metadata: Any) -> None:
    for key in [key for key in state_dict if key.startswith(f"{prefix}encoder.")]:
        del state_dict[key]


def _expect_no_encoder(module: nn.Module, incompatible_keys: Any) -> None:
    # in place: that is how a post hook tells load_state_dict what is not missing after all
    own = [key for key in incompatible_keys.missing_keys if "encoder." not in key]
    incompatible_keys.missing_keys[:] = own
