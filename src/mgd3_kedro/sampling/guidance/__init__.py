"""Guidance: terms added to the mean of a reverse step, and the measurements that they need."""

from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.drifts import DRIFTS, TRAITS, Drift, Trait
from mgd3_kedro.sampling.guidance.pull import pull_towards_modes

__all__ = ["DRIFTS", "TRAITS", "Drift", "GuidanceContext", "Trait", "pull_towards_modes"]
