"""Segmentation of event-camera recordings by spiking neurons (SpikeSEG)."""

from .config import DecoderConfig, EncoderConfig, LayerConfig
from .decoder import SpikeSEGDecoder
from .encoder import SpikeSEGEncoder
from .layers import ConvLayer
from .model import SpikeSEG
from .output import EncoderOutput, PoolingIndices
from .steps import latency_code

__all__ = [
    "ConvLayer",
    "DecoderConfig",
    "EncoderConfig",
    "EncoderOutput",
    "LayerConfig",
    "PoolingIndices",
    "SpikeSEG",
    "SpikeSEGDecoder",
    "SpikeSEGEncoder",
    "latency_code",
]
