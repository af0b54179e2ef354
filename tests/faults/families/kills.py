"""SIGKILL: in every stage, in the training of a prior, in sweeps, in one of three processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from faults.interrupt import at_change
from faults.results import expect_same, expect_true_states, results_of
from faults.table import expect
from faults.world import STAGES, Scene, World, finish

EACH = 20
"""Kills of a stage."""
FEW = 8
"""Kills of a pipeline that is none, and of the end of a training."""
OTHERS = {"train_teacher": "fresh", "export": "report", "compare": "report"}
"""Pipelines beside the stages -> the state that they start from."""
SHARED = ("encode", "discover_modes", "guided_generate", "analyze_diversity")
SWEEP = Scene("encode", ("sweep", "--over", "seed=0,1", "--pipelines=discover_modes"))

Named = Iterator[tuple[str, Callable[[World], None]]]


def before(stage: str) -> str:
    """Return the state that a stage starts from."""
    return {**dict(zip(STAGES, ("fresh", *STAGES), strict=False)), **OTHERS}[stage]


def scene_of(stage: str) -> Scene:
    """Return the command of a stage, where the stages before are over."""
    return Scene(before(stage), ("run", f"--pipelines={stage}"))


def shares(random: Random, count: int) -> list[float]:
    """Draw so many shares of a run, spread over all of it."""
    return [round((number + random.random()) / count, 3) for number in range(count)]


def kill_stages(random: Random) -> Named:
    """Kill every stage before one of its changes of files."""
    for stage, count in {**dict.fromkeys(STAGES, EACH), **dict.fromkeys(OTHERS, FEW)}.items():
        for share in shares(random, count):
            yield f"{stage} at {share:.1%} of its changes of files", partial(_kill, stage, share)


def kill_prior(random: Random) -> Named:
    """Kill the training of a prior, of which the last changes save it."""
    for share in [*shares(random, EACH), *[0.8 + 0.2 * one for one in shares(random, FEW)]]:
        yield f"at {share:.2%} of its changes of files", partial(_kill, "pretrain", share)


def kill_sharing(random: Random) -> Named:
    """Kill one of three processes that share the classes of a stage."""
    for number, share in enumerate(shares(random, EACH)):
        stage = SHARED[number % len(SHARED)]
        yield f"{stage} at {share:.1%}", partial(_kill_one, stage, share)


def kill_in_sweeps(random: Random) -> Named:
    """Kill a sweep of two runs."""
    for share in shares(random, EACH):
        yield f"at {share:.1%} of its time", partial(_kill_sweep, share)


def damage_states(random: Random) -> Named:
    """Damage what a sweep has noted of its runs, and give it again."""
    for how in ("cut", "emptied", "removed"):
        yield f"states of a sweep: {how}", partial(_damage_states, how, random.random())


def _damage_states(how: str, share: float, world: World) -> None:
    with world.copy_of(SWEEP.state) as project:
        world.again(project, SWEEP)
        (states,) = project.glob("data/**/points.csv")
        data = states.read_bytes()
        told = {"cut": data[: int(len(data) * share)], "emptied": b""}
        if how == "removed":
            states.unlink()
        else:
            states.write_bytes(told[how])
        world.again(project, SWEEP)
        expect_true_states(project, "FINISHED")


def _kill(stage: str, share: float, world: World) -> None:
    scene = (
        Scene("fresh", ("run", "--pipelines=pretrain")) if stage == "pretrain" else scene_of(stage)
    )
    with world.copy_of(scene.state) as project:
        number = _change(world, scene, share)
        ended = world.run(project, scene.arguments, at_change(number, signal.SIGKILL, project))
        expect(ended.code == -9, f"expected a kill, it ended with {ended.code}: {ended.error}")
        world.again(project, scene)
        expect_true_states(project, "KILLED")


def _change(world: World, scene: Scene, share: float) -> int:
    return 1 + int(share * world.undisturbed(scene).changes)


def _kill_one(stage: str, share: float, world: World) -> None:
    scene = scene_of(stage)
    with world.copy_of(scene.state) as project:
        # It gets a part of the classes, so some kills come after the last change.
        number = max(1, _change(world, scene, share) // 2)
        killed = world.fork(project, scene.arguments, at_change(number, signal.SIGKILL, project))
        others = [world.fork(project, scene.arguments) for _ in range(2)]
        try:
            ends = [finish(one) for one in (killed, *others)]
        finally:
            for one in (killed, *others):
                one.end()
        expect(ends[0].code in (0, -9), f"the one killed ended with {ends[0].code}")
        for end in ends[1:]:
            expect(end.code == 0, f"another ended with {end.code}: {end.error}")
        expect_same(results_of(project), world.undisturbed(scene).results)
        # The one killed may have been the last: the next run clears what it has left.
        world.again(project, scene)
        world.again(project, scene)
        expect_true_states(project, "KILLED")


def _kill_sweep(share: float, world: World) -> None:
    scene, seconds = SWEEP, world.undisturbed(SWEEP).seconds
    with world.copy_of(scene.state) as project:
        running = world.fork(project, scene.arguments)
        time.sleep(share * seconds)
        running.send(signal.SIGKILL)
        running.wait()
        # Its sessions are processes of their own, which go on to their end.
        world.again(project, scene)
        expect_true_states(project)
