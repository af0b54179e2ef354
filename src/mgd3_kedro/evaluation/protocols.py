"""The table of protocols."""

from __future__ import annotations

from mgd3_kedro.evaluation.glad import GLAD
from mgd3_kedro.evaluation.hard_label import HARD_LABEL
from mgd3_kedro.evaluation.hard_variants import HARD_ADAMW, HARD_PLAIN, HARD_STRONG
from mgd3_kedro.evaluation.recipe import Recipe
from mgd3_kedro.evaluation.soft_label import SOFT_LABEL, STORED_SOFT_LABEL

PROTOCOLS: dict[str, Recipe] = {
    "glad": GLAD,
    "hard": HARD_LABEL,
    "hard_adamw": HARD_ADAMW,
    "hard_plain": HARD_PLAIN,
    "hard_strong": HARD_STRONG,
    "soft": SOFT_LABEL,
    "soft_stored": STORED_SOFT_LABEL,
}
"""Name -> recipe."""
