"""The model card of a trained prior."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import pandas as pd

from mgd3_kedro.figures import draw_loss_curve
from mgd3_kedro.records import Benchmark
from mgd3_kedro.training.loop import LoopConfig, Trained
from mgd3_kedro.version import code_version


class Part(NamedTuple):
    """A trained model and its settings."""

    trained: Trained
    config: LoopConfig


def write_card(
    benchmark: Benchmark, parts: Mapping[str, Part], findings: Sequence[str]
) -> dict[str, str | bytes]:
    """Write the card, and the loss curve of every part as a table and a picture.

    Args:
        benchmark: What the models were trained on.
        parts: Name -> a trained model and its settings.
        findings: Sentences on what was measured.

    Returns:
        File name -> content.

    Source: ours.
    """
    classes = ", ".join(spec.class_name for spec in benchmark.classes[:10])
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
        "itself takes number 1000 always: call it with `guidance_scale=1` where that is another.",
        *(f"- {finding[0].upper()}{finding[1:]}." for finding in findings),
    ]
    files: dict[str, str | bytes] = {}
    for name, (trained, config) in parts.items():
        parameters = sum(weights.numel() for weights in trained.model.parameters())
        if not trained.curve:
            lines += ["", f"## {name.capitalize()}", "", f"{parameters:,} parameters, given."]
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


def _settings(settings: Mapping[str, Any]) -> list[str]:
    return ["| setting | value |", "|---|---|", *(f"| {k} | {v} |" for k, v in settings.items())]
