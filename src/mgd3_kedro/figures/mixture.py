"""Effect of mode guidance if the modes are known: which modes are hit, and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.figures.looks import pick_look
from mgd3_kedro.figures.points import Points, check_points, keep_finite
from mgd3_kedro.figures.style import (
    FAINT,
    INK,
    MEDIUM,
    NARROW,
    QUIET,
    SMALL,
    add_legend,
    start_figure,
    tidy_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNGUIDED, GUIDED, HITS = "unguided", "guided", "hits"
OPACITY = {UNGUIDED: 0.4, GUIDED: 1.0}
BAR_WIDTH = 0.38
MODES_WITH_COUNTS, MODES_WITH_NUMBERS = 8, 20
NEAR = 0.12

Hits = NDArray[Any]
"""(N,), number of the mode of each sample, 0..K-1."""


def draw_mixture(
    modes: Points,
    unguided: Points,
    guided: Points,
    weights: Sequence[float],
    *,
    hits: tuple[Hits, Hits] | None = None,
    title: str = "",
) -> Figure:
    """Draw unguided and guided samples around the modes, and how often each mode is hit.

    Args:
        modes: (K, 2), centres of the mixture, or their projections in a plane.
        unguided: (N, 2), samples without mode guidance, in the same plane.
        guided: (M, 2), samples with mode guidance.
        weights: K weights of the mixture, which sum to 1.
        hits: Modes of the unguided samples, (N,), and of the guided ones, (M,); None for the
            nearest mode in the plane. Pass them if the plane is a projection.
        title: Above all panels; empty for none.

    Raises:
        ValueError: If points are not (N, 2) or none is finite, weights do not match or do not sum
            to 1, or hits are not one mode per sample.

    Source: arXiv 2505.18963, Figure 1.
    """
    modes = check_points("modes", modes)
    shares = _check_weights(weights, len(modes))
    given: dict[str, Points] = {UNGUIDED: unguided, GUIDED: guided}
    samples, notes = keep_finite(given)
    for name, points in samples.items():
        if not len(points):
            raise ValueError(f"{name}: expected at least one finite sample, got none")
    if hits is None:
        hit = {name: _find_nearest(points, modes) for name, points in samples.items()}
    else:
        hit = {
            name: _check_hits(f"hits, {name}", of, len(given[name]), len(modes))[
                np.isfinite(given[name]).all(axis=1)
            ]
            for name, of in zip(given, hits, strict=True)
        }
    figure = start_figure(NARROW, 4.8, title)
    panels = figure.subplot_mosaic([[UNGUIDED, GUIDED], [HITS, HITS]], height_ratios=(1.15, 1))
    panels[GUIDED].sharex(panels[UNGUIDED])
    panels[GUIDED].sharey(panels[UNGUIDED])
    for name, points in samples.items():
        _draw_samples(panels[name], modes, points, hit[name])
        panels[name].set_title(f"{name}, {len(points):,}", fontsize=MEDIUM, color=INK, pad=3)
    _draw_hits(panels[HITS], hit, shares)
    add_legend(figure, _explain(), notes, columns=4)
    return figure


def _draw_samples(
    axes: Axes, modes: NDArray[np.float64], points: NDArray[np.float64], hits: Hits
) -> None:
    for mode in range(len(modes)):
        look = pick_look(mode)
        own = points[hits == mode]
        axes.scatter(
            own[:, 0],
            own[:, 1],
            s=14,
            color=look.colour,
            marker=look.marker,
            alpha=0.6,
            linewidths=0,
        )
    axes.scatter(modes[:, 0], modes[:, 1], s=60, color=INK, marker="+", linewidths=1.4, zorder=3)
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="box")
    axes.spines[:].set_color(FAINT)


def _draw_hits(axes: Axes, hits: Mapping[str, Hits], shares: NDArray[np.float64]) -> None:
    modes = np.arange(len(shares))
    colours = [pick_look(mode).colour for mode in range(len(modes))]
    for side, (name, of) in zip((-0.5, 0.5), hits.items(), strict=True):
        counts = np.bincount(of, minlength=len(modes))
        heights, places = 100 * counts / counts.sum(), modes + side * BAR_WIDTH
        axes.bar(places, heights, BAR_WIDTH, color=colours, alpha=OPACITY[name], label=name)
        if len(modes) <= MODES_WITH_COUNTS:
            # Move the number above the weight line if it would cross the number.
            gaps = 100 * shares - heights
            is_near = (gaps > 0) & (gaps < NEAR * max(heights.max(), 100 * shares.max()))
            _write_counts(axes, counts, places, heights + is_near * gaps)
    axes.hlines(
        100 * shares, modes - BAR_WIDTH, modes + BAR_WIDTH, color=INK, linewidth=1.4, zorder=3
    )
    tidy_axes(axes)
    if len(modes) <= MODES_WITH_NUMBERS:
        axes.set_xticks(modes, [str(mode) for mode in modes])
    axes.margins(y=0.12)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("mode", fontsize=MEDIUM, color=INK)
    told = "\n(their number above)" if len(modes) <= MODES_WITH_COUNTS else ""
    axes.set_ylabel(f"share of samples, %{told}", fontsize=SMALL, color=INK)


def _write_counts(
    axes: Axes,
    counts: NDArray[Any],
    places: NDArray[Any],
    heights: NDArray[Any],
) -> None:
    for number, place, height in zip(counts, places, heights, strict=True):
        axes.annotate(
            str(number),
            (place, height),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL,
            color=INK,
        )


def _explain() -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        *(Patch(color=QUIET, alpha=opacity, label=name) for name, opacity in OPACITY.items()),
        Line2D([], [], color=INK, linewidth=1.4, label="weight"),
        Line2D([], [], color=INK, marker="+", markersize=8, linestyle="", label="centre"),
    ]


def _check_weights(weights: Sequence[float], modes: int) -> NDArray[np.float64]:
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != (modes,) or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(f"weights: expected {modes} shares summing to 1, got {shares.tolist()}")
    return shares


def _check_hits(name: str, hits: Hits, samples: int, modes: int) -> Hits:
    hits = np.asarray(hits)
    if hits.shape != (samples,) or not np.isin(hits, np.arange(modes)).all():
        raise ValueError(
            f"{name}: expected ({samples},) modes of 0..{modes - 1}, got {hits.shape} from "
            f"{hits.min(initial=0)} to {hits.max(initial=0)}"
        )
    return hits.astype(np.int64)


def _find_nearest(points: NDArray[np.float64], modes: NDArray[np.float64]) -> Hits:
    return np.square(points[:, None] - modes[None]).sum(axis=2).argmin(axis=1)
