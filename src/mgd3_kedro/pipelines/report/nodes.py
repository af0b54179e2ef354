"""Nodes that assemble the report of a run."""

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
    """Return time and memory of every stage of a run that has results of this project.

    Args:
        latents: wnid -> latents of the real images.
        modes: wnid -> modes.
        distilled_images: wnid -> distilled images.
        trainings: Training -> measurements.
        analysis: wnid -> scores.

    Returns:
        `stage`, `parts`, `seconds`, `peak_memory_mb`, `command` and `environment` of each stage.
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
    """Return a page with title and facts, without sections.

    Args:
        benchmark: Name of the benchmark.
        split: Test split.
        backbone: Name of the backbone that images were sampled from.
        method: Name of the method that made them.
        ipc: Images per class.
        seed: Seed of the images.
        protocol: Protocol of the trainings.
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
    """Return the page of a run, with its sections and the citation.

    Args:
        head: Page with title and facts.
        sections: Sections from top to bottom.

    Returns:
        The page as HTML.
    """
    return render_page(replace(head, sections=(*sections, show_citation())))
