"""Workers of an executor that are lost."""

from __future__ import annotations

import os
import secrets
import signal
import time
from functools import partial
from pathlib import Path
from random import Random

from faults.families.kills import Named, shares
from faults.process import Running
from faults.results import expect_true_states
from faults.table import expect
from faults.world import TRACEBACK, Scene, World, finish

KINDS = {"loky": (b"loky", 8), "dask": (b"spawn_main", 3), "ray": (b"ray::", 2)}
"""Executor -> word in the command of its workers, and how often one is lost."""
MARK = "MGD3_FAULT"
"""Variable that processes inherit, whoever starts them."""
LATEST, LONGEST = 3.0, 30.0


def lose_workers(random: Random) -> Named:
    """Kill a worker of an executor, some time after it is there."""
    for kind, (_, count) in KINDS.items():
        for share in shares(random, count):
            after = LATEST * share
            yield f"{kind}, {after:.1f} s after it is there", partial(_lose, kind, after)


def _lose(kind: str, after: float, world: World) -> None:
    scene, mark = Scene("fresh", ("run", "--pipelines=encode")), secrets.token_hex(8)
    params = f"workers.classes=2,executor.kind={kind}"
    with world.copy_of(scene.state) as project:
        arguments = (*scene.arguments, "--params", params)
        running = world.start(project, arguments, **{MARK: mark})
        if worker := _find(running, KINDS[kind][0], mark):
            time.sleep(after)
            if worker in _marked(mark):
                os.kill(worker, signal.SIGKILL)
        ended = finish(running)
        expect(TRACEBACK not in ended.told, f"a traceback: {ended.told[-300:]}")
        _expect_none(mark)
        world.again(project, scene)
        expect_true_states(project)


def _marked(mark: str) -> dict[int, bytes]:
    """Return the processes that have a mark, and their commands."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (path / "environ").read_bytes():
                found[int(path.name)] = (path / "cmdline").read_bytes()
        except OSError:
            continue
    return found


def _find(running: Running, word: bytes, mark: str) -> int | None:
    begun = time.monotonic()
    while running.poll() is None and time.monotonic() - begun < LONGEST:
        for number, command in _marked(mark).items():
            if number != running.number and word in command and b"tracker" not in command:
                return number
        time.sleep(0.05)
    return None


def _expect_none(mark: str) -> None:
    begun = time.monotonic()
    while left := _marked(mark):
        if time.monotonic() - begun > LONGEST:
            for number in left:
                os.kill(number, signal.SIGKILL)
            expect(False, f"processes left: {[*left.values()][:3]}")
        time.sleep(0.2)
