"""Formatting of numbers and names for readers."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

MEGABYTES = 1024
"""Megabytes per gigabyte."""
NOT_MEASURED = "not measured"
PROTOCOLS = {
    "hard": "hard labels",
    "hard_adamw": "hard labels, AdamW",
    "hard_plain": "hard labels, no augmentation",
    "hard_strong": "hard labels, strong augmentation",
    "soft": "soft labels of a teacher",
    "soft_stored": "soft labels of a teacher, stored",
    "glad": "hard labels, as GLaD trains",
}
"""Protocols with a description; the others are shown by name."""
STAGES = {
    "encode": "real images to latents",
    "discover_modes": "modes of every class",
    "guided_generate": "distilled images",
    "train_eval": "trainings and tests",
    "analyze_diversity": "diversity and t-SNE",
}
"""Stages with a description; the others are shown by name."""


def in_percent(mean: float, spread: float | None = None) -> str:
    """Format an accuracy in percent with one decimal, and its spread if there is one."""
    if not math.isfinite(mean):
        return "–"
    told = f"{mean:.1f}"
    return told if spread is None or not math.isfinite(spread) else f"{told} ± {spread:.1f}"


def in_bytes(megabytes: float) -> str:
    """Format an amount of memory in MB; 0 and NaN mean that it was not measured."""
    if not megabytes or math.isnan(megabytes):
        return NOT_MEASURED
    return f"{megabytes / MEGABYTES:.1f} GB" if megabytes >= MEGABYTES else f"{megabytes:.0f} MB"


def join(words: Sequence[str]) -> str:
    """Join words to a list in a sentence: a, b and c."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def how_to(aim: str) -> str:
    """Return a sentence with the command that completes a run's page, such as "To train, ..."."""
    return (
        f"To {aim}, with the same --env and --params: kedro run --pipelines=distill, or "
        "--pipelines=evaluate for images=FOLDER"
    )


def in_chart(text: object) -> str:
    """Escape text for Plotly, which would otherwise read tags in it."""
    return html.escape(str(text), quote=False)
