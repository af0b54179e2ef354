"""The model card of a trained prior."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.figures import draw_loss_curve
from mgd3_kedro.priors import SAMPLING_FILE
from mgd3_kedro.training.loop import LoopConfig, Trained
from mgd3_kedro.version import code_version


class PriorPart(NamedTuple):
    """A model of a prior, and its origin.

    Args:
        trained: The model.
        config: Configuration of its training.
        origin: Folder of the prior that it was copied from; None if it was trained in this run.
    """

    trained: Trained
    config: LoopConfig
    origin: Path | None = None


def write_card(
    benchmark: Benchmark,
    parts: Mapping[str, PriorPart],
    guidance_tuning: pd.DataFrame,
    findings: Sequence[str],
) -> dict[str, str | bytes]:
    """Return the model card, and the loss curve of every part as a table and a picture.

    For a part from another prior, the section of that prior's card and its loss curve are copied.

    Args:
        benchmark: Benchmark that the models were trained on.
        parts: Name -> a trained model and its settings.
        guidance_tuning: Accuracy (`top1_last`, percent) by `guidance_scale` and `seed`.
        findings: Sentences about the measurements.

    Returns:
        File name -> content.
    """
    classes = ", ".join(escape(spec.class_name, quote=False) for spec in benchmark.classes[:10])
    more = ", ..." if len(benchmark.classes) > 10 else ""
    null_class = 1 + max(spec.class_index for spec in benchmark.classes)
    lines = [
        f"# Prior of {benchmark.name}",
        "",
        "A KL autoencoder and a class-conditional diffusion transformer in its latent space, in",
        "diffusers' `DiTPipeline` format, half precision.",
        "",
        f"- Data: the train split of `{benchmark.name}`, {len(benchmark.classes)} classes "
        f"({classes}{more}), {benchmark.image_size} px; no other images.",
        "- Made by: `kedro run --pipelines=pretrain` with the settings below, "
        f"code version {code_version()}.",
        f"- The null class of classifier-free guidance is number {null_class}; `DiTPipeline` "
        "itself always takes number 1000: if this prior has another number, call it with "
        "`guidance_scale=1`.",
        *(f"- {finding[0].upper()}{finding[1:]}." for finding in findings),
        "",
        "## Sampling",
        "",
        "Accuracy on train images of networks that were trained on unguided samples alone. Runs",
        f"read the best scale from `{SAMPLING_FILE}`.",
        "",
        *_accuracies(guidance_tuning),
    ]
    files: dict[str, str | bytes] = {}
    for name, (trained, config, origin) in parts.items():
        parameters = sum(weights.numel() for weights in trained.model.parameters())
        if not trained.curve:
            section = _section_of(name, origin) or f"{parameters:,} parameters, given."
            lines += ["", f"## {name.capitalize()}", "", section]
            files |= _curve_of(name, origin)
            continue
        last = trained.curve[-1]["loss"]
        lines += [
            "",
            f"## {name.capitalize()}",
            "",
            f"{parameters:,} parameters, {trained.step:,} updates in {trained.seconds / 60:.0f} "
            f"minutes, loss {last:.4f} at the end ([table]({name}_curve.csv)).",
            "",
            f"![loss curve]({name}_curve.png)",
            "",
            *_settings(asdict(config)),
        ]
        files[f"{name}_curve.csv"] = pd.DataFrame(trained.curve).to_csv(index=False)
        picture = io.BytesIO()
        draw_loss_curve(trained.curve, title=f"{name} of {benchmark.name}").savefig(picture)
        files[f"{name}_curve.png"] = picture.getvalue()
    files["README.md"] = "\n".join([*lines, ""])
    return files


def _section_of(name: str, origin: Path | None) -> str | None:
    card = origin and origin / "README.md"
    if not card or not card.is_file():
        return None
    pattern = rf"^## {name.capitalize()}\n(.*?)(?=^## |\Z)"
    found = re.search(pattern, card.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return found and found[1].strip()


def _curve_of(name: str, origin: Path | None) -> dict[str, str | bytes]:
    curves = origin.glob(f"{name}_curve.*") if origin else ()
    return {curve.name: curve.read_bytes() for curve in curves}


def _accuracies(tuning: pd.DataFrame) -> list[str]:
    by_scale = tuning.groupby("guidance_scale")["top1_last"]
    return [
        "| guidance scale | mean, % | of each network, % |",
        "|---|---|---|",
        *(
            f"| {scale:g} | {of_each.mean():.1f} | {', '.join(f'{top1:.1f}' for top1 in of_each)} |"
            for scale, of_each in by_scale
        ),
    ]


def _settings(settings: Mapping[str, Any]) -> list[str]:
    return ["| setting | value |", "|---|---|", *(f"| {k} | {v} |" for k, v in settings.items())]
