"""What is added to the mean of a step, and what is measured of a class for it."""

from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.drifts import DRIFTS, TRAITS, Drift, Trait
from mgd3_kedro.sampling.guidance.pull import pull_towards_modes

__all__ = ["DRIFTS", "TRAITS", "Drift", "GuidanceContext", "Trait", "pull_towards_modes"]
