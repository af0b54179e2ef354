"""Clocks that jump: files of the future and of long ago."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from random import Random

from faults.families.kills import Named, scene_of
from faults.interrupt import at_change
from faults.results import expect_true_states
from faults.world import STAGES, Scene, World

YEAR = 365 * 86_400.0
JUMPS = {"a year ahead": YEAR, "ten years back": -10 * YEAR, "to 1970": None}


def jump(random: Random) -> Named:
    """Kill a stage, have its files be of another time, and go on."""
    for stage in STAGES:
        for told, by in JUMPS.items():
            share = round(random.uniform(0.2, 0.9), 2)
            what = f"{told}, after {stage} was killed at {share:.0%}"
            yield what, partial(_jump, scene_of(stage), share, by)
    yield (
        "a year ahead, after pretrain was killed at 70%",
        partial(_jump, Scene("fresh", ("run", "--pipelines=pretrain")), 0.7, YEAR),
    )


def _jump(scene: Scene, share: float, by: float | None, world: World) -> None:
    with world.copy_of(scene.state) as project:
        number = 1 + int(share * world.undisturbed(scene).changes)
        world.run(project, scene.arguments, at_change(number, signal.SIGKILL, project))
        when = 0.0 if by is None else time.time() + by
        for path in project.rglob("*"):
            _date(path, when)
        world.again(project, scene)
        expect_true_states(project, "KILLED")


def _date(path: Path, when: float) -> None:
    os.utime(path, (when, when), follow_symlinks=False)
