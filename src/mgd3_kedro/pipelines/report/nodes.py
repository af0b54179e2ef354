"""Nodes that join what is known of a run to a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mgd3_kedro.counting import count
from mgd3_kedro.pipelines.report.making import show_citation
from mgd3_kedro.report import Page, Section, render_page
from mgd3_kedro.report.wording import PROTOCOLS
from mgd3_kedro.stages import Partition


def tabulate_stages(
    latents: Mapping[str, Partition] | None,
    modes: Mapping[str, Partition] | None,
    distilled_images: Mapping[str, Partition] | None,
    trainings: Mapping[str, Partition] | None,
    analysis: Mapping[str, Partition] | None,
) -> list[dict[str, Any]]:
    """Return what every stage of a run took, of those that are there and that this project ran.

    Args:
        latents: wnid -> latents of the real images.
        modes: wnid -> modes.
        distilled_images: wnid -> distilled images.
        trainings: Training -> what was measured.
        analysis: wnid -> scores.

    Returns:
        `stage`, `parts`, `seconds`, `peak_memory_mb`, `command` and `environment` of each.
    """
    made = {
        "encode": latents,
        "discover_modes": modes,
        "guided_generate": distilled_images,
        "train_eval": trainings,
        "analyze_diversity": analysis,
    }
    records = []
    for stage, partitions in made.items():
        parts = list((partitions or {}).values())
        if seconds := sum(part.seconds for part in parts):
            records.append(
                {
                    "stage": stage,
                    "parts": len(parts),
                    "seconds": seconds,
                    "peak_memory_mb": max(part.peak_memory_mb for part in parts),
                    "command": parts[-1].command,
                    "environment": parts[-1].environment,
                }
            )
    return records


def introduce_run(
    benchmark: str,
    split: str,
    backbone: str,
    method: str,
    ipc: int,
    seed: int,
    protocol: str,
    preset: str,
) -> Page:
    """Return a page that says what it is about, and has no sections yet.

    Args:
        benchmark: Its name.
        split: What was tested on.
        backbone: What images were drawn from.
        method: What made them.
        ipc: Images per class.
        seed: Of the images.
        protocol: Of the trainings.
        preset: Length of the trainings.
    """
    facts = (
        f"seed {seed}",
        f"{split} split",
        f"prior {backbone}",
        PROTOCOLS.get(protocol, protocol),
        f"preset {preset}",
    )
    title = f"{benchmark}: {count(ipc, 'image')} per class by {method}"
    return Page("Dataset distillation", title, facts, ())


def write_report(head: Page, *sections: Section) -> str:
    """Put the sections of a run on its page.

    Args:
        head: What the page is about.
        sections: From top to bottom.

    Returns:
        The page as HTML.
    """
    return render_page(replace(head, sections=(*sections, show_citation())))
