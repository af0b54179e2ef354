"""Settings for comparing distilled images with real ones."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.checks import check_choice
from mgd3_kedro.metrics.projection import ProjectionConfig

FEATURES = ("latents", "pixels")
"""Features by which images can be compared."""
PLANES = ("drawn", "all")
"""Choices of which classes have planes."""
DRAWN_CLASSES = 10
"""Number of first classes whose planes are drawn."""


@dataclass(frozen=True)
class AnalysisConfig(ProjectionConfig):
    """Settings for comparing distilled images with real ones, and for showing them in a plane.

    Args:
        features: One of `FEATURES`; None for latents if the method has latents, else pixels.
        planes: Classes for which t-SNE is computed, which takes most of the time. "drawn": those
            that are drawn; "all": every class, so that scores in the plane have a mean over all.

    Raises:
        ValueError: If a setting is not valid; the message names it.
    """

    features: str | None
    planes: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features is not None:
            check_choice("features", self.features, FEATURES)
        check_choice("planes", self.planes, PLANES)

    def places(self, label: int) -> bool:
        """Return whether a class has a plane; its label is its position among all classes."""
        return self.planes == "all" or label < DRAWN_CLASSES
