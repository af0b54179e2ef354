"""Evaluation of distilled images: train a network on them, test it on real ones."""

from mgd3_kedro.evaluation.data import LabelledSet
from mgd3_kedro.evaluation.hard_label_config import HardLabelConfig
from mgd3_kedro.evaluation.networks import NETWORKS, build_network
from mgd3_kedro.evaluation.protocols import PROTOCOLS
from mgd3_kedro.evaluation.scores import Scores
from mgd3_kedro.evaluation.settings import EvaluationConfig
from mgd3_kedro.evaluation.train import DivergenceError, TrainingResult, train_network

__all__ = [
    "NETWORKS",
    "PROTOCOLS",
    "DivergenceError",
    "EvaluationConfig",
    "HardLabelConfig",
    "LabelledSet",
    "Scores",
    "TrainingResult",
    "build_network",
    "train_network",
]
