"""Numbers and names as people read them."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

MEGABYTES = 1024
"""In a gigabyte."""
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
"""Protocols that need words; others are called by their names."""
STAGES = {
    "encode": "real images to latents",
    "discover_modes": "modes of every class",
    "guided_generate": "distilled images",
    "train_eval": "trainings and tests",
    "analyze_diversity": "diversity and t-SNE",
}
"""Stages that need words; others are called by their names."""


def in_percent(mean: float, spread: float | None = None) -> str:
    """Write an accuracy in percent with one digit, and its spread where there is one."""
    if not math.isfinite(mean):
        return "–"
    told = f"{mean:.1f}"
    return told if spread is None or not math.isfinite(spread) else f"{told} ± {spread:.1f}"


def in_bytes(megabytes: float) -> str:
    """Write an amount of memory; one that is 0 or no number was not measured."""
    if not megabytes or math.isnan(megabytes):
        return NOT_MEASURED
    return f"{megabytes / MEGABYTES:.1f} GB" if megabytes >= MEGABYTES else f"{megabytes:.0f} MB"


def join(words: Sequence[str]) -> str:
    """Write words as a list in a sentence: a, b and c."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def in_chart(text: object) -> str:
    """Write text for Plotly, which reads tags in it, so that it shows as it is."""
    return html.escape(str(text), quote=False)
