"""The short form: a project whose stages are all disturbed, one after the other."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from faults.families import SEED
from faults.families.damage import BROKEN, MADE
from faults.families.disks import limited
from faults.interrupt import at_change
from faults.results import (
    expect_nothing_left,
    expect_records,
    expect_same,
    expect_true_states,
    results_of,
)
from faults.states import prepare
from faults.table import LostError, expect
from faults.warm import warm_up
from faults.world import STAGES, TRACEBACK, Scene, World

FIRST = 12
"""Changes of files within which a stage is disturbed; each has more."""
Disturbance = Callable[[World, Path, str, Random], None]


def run_short(folder: Path) -> int:
    """Disturb every stage of one project, and compare it with one that nobody disturbed.

    Args:
        folder: For the projects.

    Returns:
        How many faults were not survived: none, or all, as they are compared together.
    """
    begun, random, world = time.monotonic(), Random(SEED), prepare(folder)
    warm_up(folder / "states/fresh")
    whole = Scene("fresh", ("run",))
    told = ""
    try:
        with world.copy_of("fresh") as project:
            for stage, disturb in DISTURBED.items():
                disturb(world, project, stage, random)
                ended = world.run(project, ("run", f"--pipelines={stage}"))
                expect(ended.code == 0, f"{stage} ended with {ended.code}: {ended.told[-300:]}")
            # The page has charts of times.
            usual = dict(world.undisturbed(whole).results)
            page = next(name for name in usual if name.endswith("/report.html"))
            found = results_of(project)
            expect(page in found, "the page of the run is missing")
            expect_same({**found, page: usual[page]}, usual)
            expect_records(project)
            expect_nothing_left(project)
            expect_true_states(project)
    except LostError as error:
        told = str(error)
    lost = len(DISTURBED) if told else 0
    print(f"{len(DISTURBED)} faults, {len(DISTURBED) - lost} survived {told}".rstrip())
    print(f"{time.monotonic() - begun:.0f} s")
    return lost


def _send(sent: signal.Signals, code: int) -> Disturbance:
    def disturb(world: World, project: Path, stage: str, random: Random) -> None:
        heard = at_change(random.randint(2, FIRST), sent, project)
        ended = world.run(project, ("run", f"--pipelines={stage}"), heard)
        expect(ended.code == code, f"{sent.name}: {stage} ended with {ended.code}")
        expect(TRACEBACK not in ended.told, f"a traceback: {ended.told[-300:]}")

    return disturb


_kill = _send(signal.SIGKILL, -signal.SIGKILL)
_end, _interrupt = _send(signal.SIGTERM, 128 + signal.SIGTERM), _send(signal.SIGINT, 130)


def _flip(world: World, project: Path, stage: str, random: Random) -> None:
    """Have it made, and damage it."""
    world.run(project, ("run", f"--pipelines={stage}"))
    kind = next(one for one in MADE.values() if one.made_by == stage)
    path = random.choice(sorted(path for path in project.glob(kind.files) if path.is_file()))
    path.write_bytes(BROKEN["a byte flipped"](path.read_bytes(), random))


def _limit(world: World, project: Path, stage: str, random: Random) -> None:
    ended = world.run(project, ("run", f"--pipelines={stage}"), limited(random.randint(500, 5000)))
    expect(ended.code == 1, f"{stage} ended with {ended.code}")
    expect(TRACEBACK not in ended.told, f"a traceback: {ended.told[-300:]}")


DISTURBED: dict[str, Disturbance] = dict(
    zip(STAGES, (_kill, _flip, _end, _limit, _interrupt, _kill), strict=True)
)
"""Stage -> what disturbs it."""
