"""Segmentation of event-camera recordings by spiking neurons (SpikeSEG)."""

from .._lib.modules import only_public
from . import training
from .config import DecoderConfig, EncoderConfig, LayerConfig
from .continuous import ContinuousEncoder
from .decoder import SpikeSEGDecoder
from .encoder import SpikeSEGEncoder
from .evaluation import ClassIoU, EventScores, class_iou, detected_events, mask_iou, score_events
from .grouping import box_iou
from .instances import Instance, active_spike_hashes, find_instances, hash_similarity, smash_score
from .model import SpikeSEG
from .output import EncoderOutput, PoolingIndices
from .result import EventLabels, Segmentation
from .segmentation import merge_near, moving_objects_model, segment
from .stages import ConvStage
from .steps import latency_code
from .tracks import Track, track_instances

__all__ = [
    "ClassIoU",
    "ContinuousEncoder",
    "ConvStage",
    "DecoderConfig",
    "EncoderConfig",
    "EncoderOutput",
    "EventLabels",
    "EventScores",
    "Instance",
    "LayerConfig",
    "PoolingIndices",
    "Segmentation",
    "SpikeSEG",
    "SpikeSEGDecoder",
    "SpikeSEGEncoder",
    "Track",
    "active_spike_hashes",
    "box_iou",
    "class_iou",
    "detected_events",
    "find_instances",
    "hash_similarity",
    "latency_code",
    "mask_iou",
    "merge_near",
    "moving_objects_model",
    "score_events",
    "segment",
    "smash_score",
    "track_instances",
    "training",
]


__dir__ = only_public(__all__)
