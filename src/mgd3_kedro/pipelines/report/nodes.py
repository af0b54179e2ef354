"""Nodes that join what is known of a run to a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mgd3_kedro.pipelines.report.making import show_citation
from mgd3_kedro.report import Page, Section, render_page
from mgd3_kedro.report.wording import PROTOCOLS
from mgd3_kedro.stages import Partition

STAGES = {
    "encode": "latents",
    "discover_modes": "modes",
    "guided_generate": "distilled_images",
    "train_eval": "trainings",
    "analyze_diversity": "analysis",
}
"""Stage -> entry of the catalog that it makes."""


def tabulate_stages(
    peak_memory: Mapping[str, float], **made: Mapping[str, Partition] | None
) -> list[dict[str, Any]]:
    """Return what every stage of a run took, of those that this project ran.

    Args:
        peak_memory: Entry -> what was held at most, MB.
        made: Entry -> what its stage made.

    Returns:
        `stage`, `parts`, `seconds`, `peak_memory_mb`, `command` and `environment` of each.

    Source: ours.
    """
    records = []
    for stage, entry in STAGES.items():
        parts = list((made.get(entry) or {}).values())
        if seconds := sum(part.seconds for part in parts):
            records.append(
                {
                    "stage": stage,
                    "parts": len(parts),
                    "seconds": seconds,
                    "peak_memory_mb": peak_memory.get(entry),
                    "command": parts[-1].command,
                    "environment": parts[-1].environment,
                }
            )
    return records


def write_report(
    benchmark: str,
    split: str,
    backbone: str,
    method: str,
    ipc: int,
    seed: int,
    protocol: str,
    preset: str,
    **sections: Section,
) -> str:
    """Put the sections of a run on one page.

    Returns:
        The page as HTML.

    Source: ours.
    """
    words = f"{ipc} image{'' if ipc == 1 else 's'} per class"
    facts = (
        f"seed {seed}",
        f"{split} split",
        f"prior {backbone}",
        PROTOCOLS.get(protocol, protocol),
        f"preset {preset}",
    )
    page = Page(
        "Dataset distillation",
        f"{benchmark}: {words} by {method}",
        facts,
        (*sections.values(), show_citation()),
    )
    return render_page(page)
