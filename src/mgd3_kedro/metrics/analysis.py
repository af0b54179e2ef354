"""How distilled images are compared with real ones."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.checks import check_choice
from mgd3_kedro.metrics.projection import ProjectionConfig

FEATURES = ("latents", "pixels")
"""What images can be compared by."""


@dataclass(frozen=True)
class AnalysisConfig(ProjectionConfig):
    """How distilled images are compared with real ones, and shown in a plane.

    Args:
        features: One of `FEATURES`; None: latents where the method has latents, else pixels.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    features: str | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features is not None:
            check_choice("features", self.features, FEATURES)
