"""Projection of the real samples and all methods' synthetic samples of a class to one plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.checks import check_count, check_range
from mgd3_kedro.metrics.distances import Features, check_features


@dataclass(frozen=True)
class ProjectionConfig:
    """Settings of the projection to a plane by t-SNE.

    Args:
        perplexity: Effective number of neighbours, limited to a third of the number of other
            samples.
        random_state: Seed of the embedding.
        plane_components: Number of principal components given to t-SNE; None for the features
            themselves.

    Raises:
        ValueError: If a setting is not valid; the message names it.
    """

    perplexity: float
    random_state: int
    plane_components: int | None

    def __post_init__(self) -> None:
        check_range("perplexity", self.perplexity, 1)
        check_count("random_state", self.random_state, 0, 2**32 - 1)
        if self.plane_components is not None:
            check_count("plane_components", self.plane_components, 2)


def project_jointly(
    real: Features, synthetic: Mapping[str, Features], config: ProjectionConfig
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Project one class to a plane by t-SNE of its principal components, all sets together.

    Positions are comparable between methods only because all sets are projected together. Distances
    in the plane are not a metric: report them together with those in feature space.

    Args:
        real: (N, D), the real features of the class.
        synthetic: Method -> its synthetic features, (M, D); M may differ between methods.
        config: Settings of t-SNE.

    Returns:
        Coordinates of the real samples, (N, 2), and method -> those of its samples, (M, 2).

    Raises:
        ValueError: If features are not finite or not of one width.

    Source: arXiv 2505.18963, Figure 3; t-SNE: van der Maaten and Hinton 2008.
    """
    # The prefix keeps a method that is called "real" apart from the real samples.
    named = {f"synthetic {method}": features for method, features in synthetic.items()}
    sets = check_features({"real": real, **named})
    pooled = np.concatenate(sets)
    plane = _embed(_reduce(pooled, config), config)
    ends = np.cumsum([len(features) for features in sets])
    parts = np.split(plane, ends[:-1])
    return parts[0], dict(zip(synthetic, parts[1:], strict=True))


def _reduce(features: NDArray[np.float64], config: ProjectionConfig) -> NDArray[np.float64]:
    """Return the first principal components of features, (N, D) to (N, C)."""
    components = config.plane_components
    if components is None or components >= min(features.shape):
        return features
    from sklearn.decomposition import PCA

    return np.asarray(PCA(components, random_state=config.random_state).fit_transform(features))


def _embed(features: NDArray[np.float64], config: ProjectionConfig) -> NDArray[np.float64]:
    if len(features) < 2:
        return np.zeros((len(features), 2))
    from sklearn.manifold import TSNE

    # PCA initialisation divides by the spread along the first axis and needs two axes.
    has_plane = features.shape[1] > 1 and len(np.unique(features, axis=0)) > 1
    tsne = TSNE(
        n_components=2,
        perplexity=min(config.perplexity, (len(features) - 1) / 3),
        init="pca" if has_plane else "random",
        random_state=config.random_state,
    )
    return np.asarray(tsne.fit_transform(features), dtype=np.float64)
