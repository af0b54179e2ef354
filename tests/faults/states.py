"""The states of a project that faults happen in, made once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import yaml
from tiny_project import make_project, merged

from faults.table import expect
from faults.world import STAGES, World

TINY = {
    "mnist": {
        "pretrain": {
            "autoencoder": {"block_channels": [8, 8, 8], "batch_size": 8, "steps": 3},
            "denoiser": {
                "layers": 1,
                "heads": 1,
                "head_dim": 16,
                "prediction_type": "sample",
                "batch_size": 8,
                "steps": 3,
                "warmup_steps": 1,
            },
            "tuning": {"guidance_scales": [1.0], "samples_per_class": 2, "epochs": 1},
            "judge": {"samples_per_class": 2, "network": "convnet1", "epoch_scale": 0.002},
        },
        "teacher_training": {"network": "convnet1", "epochs": 2, "validations": 1},
        "trainings": {"repeats": 1},
    }
}
"""Beside what tests have of a tiny project: trainings of moments."""
FRESH, MADE = "fresh", "report"


def prepare(folder: Path) -> World:
    """Make the states, unless they are there: one for each stage that is over, and fresh.

    Args:
        folder: Of all.
    """
    world = World(folder)
    states = folder / "states"
    if not (states / FRESH).is_dir():
        begun = states / f"{FRESH}-{os.getpid()}"
        begun.mkdir(parents=True)
        make_project(begun)
        for env, values in TINY.items():
            _configure(begun / f"conf/{env}", values)
        begun.rename(states / FRESH)
    return world


def _configure(folder: Path, values: dict[str, Any]) -> None:
    files = sorted(folder.glob("parameters*.yml"))
    read = {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in files}
    for name, value in values.items():
        path = next((path for path in files if name in read[path]), files[0])
        read[path] = merged(read[path], {name: value})
    for path, content in read.items():
        path.write_text(yaml.safe_dump(content), encoding="utf-8")


def make_states(world: World) -> None:
    """Make the states after each stage of `distill`."""
    before = FRESH
    for stage in STAGES:
        after = world.folder / "states" / stage
        if not after.is_dir():
            with world.copy_of(before) as project:
                ended = world.run(project, ["run", f"--pipelines={stage}"])
                expect(ended.code == 0, f"undisturbed, {stage} ended with: {ended.told[-300:]}")
                shutil.move(project, after)
        before = stage
