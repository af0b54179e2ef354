"""SIGINT and SIGTERM, in stages and from the first tenth of a second on."""

from __future__ import annotations

import signal
import time
from functools import partial
from random import Random

from faults.families.kills import Named, scene_of, shares
from faults.interrupt import at_change
from faults.results import expect_true_states
from faults.table import expect
from faults.world import STAGES, TRACEBACK, Scene, World, finish

EACH = 4
CODES = {signal.SIGINT: (130, -2), signal.SIGTERM: (143, -15)}
"""Signal -> how a run ends by it."""
LATEST = 6.0
"""Seconds within which a start is ended."""


def signal_stages(random: Random) -> Named:
    """End stages before one of their changes of files."""
    for stage in STAGES:
        for number in CODES:
            for share in shares(random, EACH):
                what = f"{number.name} in {stage} at {share:.1%} of its changes of files"
                yield what, partial(_end, stage, number, share)


def signal_starts(random: Random) -> Named:
    """End a new process in its first seconds."""
    for number in CODES:
        for share in shares(random, 12):
            # Early ones are close to each other: most happens there.
            after = round(0.1 + LATEST * share**2, 2)
            yield f"{number.name} after {after} s", partial(_end_start, number, after)


def _end(stage: str, number: signal.Signals, share: float, world: World) -> None:
    scene = scene_of(stage)
    with world.copy_of(scene.state) as project:
        change = 1 + int(share * world.undisturbed(scene).changes)
        ended = world.run(project, scene.arguments, at_change(change, number, project))
        _expect_end(ended, number)
        world.again(project, scene)
        expect_true_states(project, "KILLED")


def _end_start(number: signal.Signals, after: float, world: World) -> None:
    scene = Scene("fresh", ("run", "--pipelines=encode"))
    with world.copy_of(scene.state) as project:
        running = world.start(project, scene.arguments)
        time.sleep(after)
        running.send(number)
        _expect_end(finish(running), number)
        world.again(project, scene)
        expect_true_states(project, "KILLED")


def _expect_end(ended, number: signal.Signals) -> None:
    # At the very end it is over before the signal is heard.
    expect(ended.code in (0, *CODES[number]), f"it ended with {ended.code}: {ended.told[-300:]}")
    expect(TRACEBACK not in ended.told, f"a traceback: {ended.told[-300:]}")
