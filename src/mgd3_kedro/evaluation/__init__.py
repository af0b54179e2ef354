"""Evaluation of distilled images: train a network on them, test it on real ones."""

from mgd3_kedro.evaluation.networks import NETWORKS, build_network
from mgd3_kedro.evaluation.protocols import PROTOCOLS, EvaluationConfig
from mgd3_kedro.evaluation.train import TrainingResult, train_network

__all__ = [
    "NETWORKS",
    "PROTOCOLS",
    "EvaluationConfig",
    "TrainingResult",
    "build_network",
    "train_network",
]
