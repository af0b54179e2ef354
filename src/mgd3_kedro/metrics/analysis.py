"""How distilled images are compared with real ones."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.checks import check_choice
from mgd3_kedro.metrics.projection import ProjectionConfig

FEATURES = ("latents", "pixels")
"""What images can be compared by."""
PLANES = ("drawn", "all")
"""Which classes can have planes."""
DRAWN_CLASSES = 10
"""The first so many have their planes drawn."""


@dataclass(frozen=True)
class AnalysisConfig(ProjectionConfig):
    """How distilled images are compared with real ones, and shown in a plane.

    Args:
        features: One of `FEATURES`; None: latents where the method has latents, else pixels.
        planes: "drawn": t-SNE of the classes that are drawn, which takes most of the time; "all":
            of every class, so that scores in the plane have a mean over all.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    features: str | None
    planes: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features is not None:
            check_choice("features", self.features, FEATURES)
        check_choice("planes", self.planes, PLANES)

    def places(self, label: int) -> bool:
        """Tell whether a class, by its place among all, has a plane."""
        return self.planes == "all" or label < DRAWN_CLASSES
