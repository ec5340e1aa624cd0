"""Networks: the frozen encoder, the spatial AR network with its masked convolutions, and the whole detector."""

from monai_sar.networks.anomaly_detector import AnomalyDetector, CheckpointError, CheckpointMismatchError
from monai_sar.networks.channel_standardization import ChannelStandardization
from monai_sar.networks.channel_whitening import ChannelWhitening
from monai_sar.networks.dinov3_encoder import DINOv3Encoder
from monai_sar.networks.encoder_weights import EncoderWeightsError
from monai_sar.networks.letterbox import Letterbox
from monai_sar.networks.masked_conv import MaskedConv2d, MaskedConv3d, kernel_mask
from monai_sar.networks.mean_embedding import MeanEmbedding
from monai_sar.networks.mixed_precision import use_mixed_precision
from monai_sar.networks.rarity import Rarity
from monai_sar.networks.score_smoothing import ScoreSmoothing
from monai_sar.networks.slice_smoothing import SliceSmoothing
from monai_sar.networks.spatial_ar_net import SpatialARNet
from monai_sar.networks.two_witnesses import TwoWitnesses

__all__ = [
    "AnomalyDetector",
    "ChannelStandardization",
    "ChannelWhitening",
    "CheckpointError",
    "CheckpointMismatchError",
    "DINOv3Encoder",
    "EncoderWeightsError",
    "Letterbox",
    "MaskedConv2d",
    "MaskedConv3d",
    "MeanEmbedding",
    "Rarity",
    "ScoreSmoothing",
    "SliceSmoothing",
    "SpatialARNet",
    "TwoWitnesses",
    "kernel_mask",
    "use_mixed_precision",
]
