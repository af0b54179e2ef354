"""Two and three runs side by side, equal ones and different ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random

from faults.families.kills import Named, scene_of
from faults.process import Running
from faults.results import expect_records, expect_same, expect_true_states, results_of
from faults.table import expect
from faults.world import STAGES, Scene, World, finish


def run_equal_ones(random: Random) -> Named:
    """Give the same command two and three times at once."""
    del random
    for stage in STAGES:
        for count in (2, 3):
            yield f"{count} of {stage}", partial(_run_equal, scene_of(stage), count)
    for count in (2, 3):
        what = f"{count} first ones, of which none has a store"
        yield what, partial(_run_equal, scene_of("encode"), count, without_store=True)


def run_different_ones(random: Random) -> Named:
    """Give commands that make different things from the same at once."""
    del random
    for count in (2, 3):
        for state in ("fresh", "encode"):
            yield f"{count} seeds, {state}", partial(_run_seeds, state, count)


def _run_equal(scene: Scene, count: int, world: World, without_store: bool = False) -> None:
    with world.copy_of(scene.state) as project:
        if without_store:
            (project / "mlflow.db").unlink()
        _finish([world.fork(project, scene.arguments) for _ in range(count)])
        world.compare(project, scene)
        world.again(project, scene)
        expect_true_states(project, "FINISHED")


def _run_seeds(state: str, count: int, world: World) -> None:
    stages = ["encode", "discover_modes"][state != "fresh" :]
    pipelines = f"--pipelines={','.join(stages)}"
    commands = [("run", pipelines, "--params", f"seed={number}") for number in range(count)]
    undisturbed: dict[str, str] = {}
    for command in commands:
        undisturbed |= world.undisturbed(Scene(state, command)).results
    with world.copy_of(state) as project:
        _finish([world.fork(project, command) for command in commands])
        expect_same(results_of(project), undisturbed)
        expect_records(project)
        for command in commands:
            ended = world.run(project, command)
            expect(ended.code == 0, f"given again, it ended with {ended.code}: {ended.error}")
        expect_same(results_of(project), undisturbed)
        expect_true_states(project, "FINISHED")


def _finish(runs: Sequence[Running]) -> None:
    try:
        ends = [finish(run) for run in runs]
    finally:
        for run in runs:
            run.end()
    for end in ends:
        expect(end.code == 0, f"one of them ended with {end.code}: {end.error or end.told[-200:]}")
