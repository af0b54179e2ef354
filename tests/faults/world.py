"""Projects for faults to happen in, and what undisturbed runs make of them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from faults.interrupt import counting
from faults.process import TICK, Ended, Running, descendants, fork, start
from faults.results import expect_nothing_left, expect_records, expect_same, results_of
from faults.table import expect

STAGES = (
    *("encode", "discover_modes", "guided_generate"),
    *("train_eval", "analyze_diversity", "report"),
)
UP_TO_DATE = "up to date: nothing to compute\n\n"
"""What is said without a look at the MLflow store."""
GRACE = 3.0
"""Seconds that processes of a run have to end after it."""
TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Scene:
    """A command, and the state of the project that it is given in.

    Args:
        state: Name of a state that `prepare` makes.
        arguments: Of `kedro`.
    """

    state: str
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """What its undisturbed run is kept under."""
        return f"{self.state} {' '.join(self.arguments)}"


@dataclass(frozen=True)
class Undisturbed:
    """What a scene comes to by itself.

    Args:
        results: Path -> digest.
        changes: Times that it changes files.
        seconds: What it takes.
    """

    results: dict[str, str]
    changes: int
    seconds: float


@dataclass
class World:
    """Where faults happen: one at a time, each in a copy of a project.

    Args:
        folder: Of the states, and of the copies.
        own: Name of the copies of this process.
    """

    folder: Path
    own: str = field(default_factory=lambda: f"copies-{os.getpid()}")
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _known: dict[str, Undisturbed] = field(default_factory=dict)

    @property
    def copies(self) -> Path:
        """Folder of the copies of this process."""
        return self.folder / self.own

    @contextmanager
    def copy_of(self, state: str, place: Path | None = None) -> Iterator[Path]:
        """Give a project in a state, and remove it.

        Args:
            state: Its name.
            place: Its folder, whose parent is there; None for one of the copies.
        """
        project = place or self.copies / str(next(self._numbers)) / "project"
        project.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.folder / "states" / state, project, symlinks=True)
        try:
            yield project
        finally:
            # A disk that was made read-only for it is gone by then.
            shutil.rmtree(project if place else project.parent, ignore_errors=True)

    def fork(
        self, project: Path, arguments: Sequence[str], before: Callable[[], None] | None = None
    ) -> Running:
        """Start `kedro ARGUMENTS` in a fork of this process."""
        return fork(project, arguments, self._log(), before)

    def start(self, project: Path, arguments: Sequence[str], **variables: str) -> Running:
        """Start `kedro ARGUMENTS` as a new process."""
        return start(project, arguments, self._log(), variables)

    def run(
        self, project: Path, arguments: Sequence[str], before: Callable[[], None] | None = None
    ) -> Ended:
        """Run `kedro ARGUMENTS` in a fork of this process, to its end."""
        return finish(self.fork(project, arguments, before))

    def undisturbed(self, scene: Scene) -> Undisturbed:
        """Return what a scene comes to by itself; it is played once."""
        if scene.name not in self._known:
            kept = self.folder / "undisturbed" / f"{scene.name.replace('/', '_')}.json"
            if not kept.is_file():
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(self._play(scene)), encoding="utf-8")
            self._known[scene.name] = Undisturbed(**json.loads(kept.read_text(encoding="utf-8")))
        return self._known[scene.name]

    def again(self, project: Path, scene: Scene) -> Ended:
        """Give the command of a scene once more, and compare what there is with what should be.

        Raises:
            LostError: If it fails, or anything is lost, other than it should be, or left behind.
        """
        ended = self.run(project, scene.arguments)
        expect(ended.code == 0, f"given again, it ended with {ended.code}: {_last(ended)}")
        self.compare(project, scene)
        if UP_TO_DATE in ended.told:
            self.settle(project)
        return ended

    def settle(self, project: Path) -> None:
        """Start a run that has nothing to do, as the next one settles what others have left."""
        ended = self.run(project, ["run", "--pipelines=encode", "--namespaces=encode"])
        expect(ended.code == 0, f"the next run ended with {ended.code}: {_last(ended)}")

    def compare(self, project: Path, scene: Scene) -> None:
        """Compare what there is with what an undisturbed run makes."""
        self.expect(project, self.undisturbed(scene))

    def expect(self, project: Path, undisturbed: Undisturbed) -> None:
        """Compare what there is with that."""
        expect_same(results_of(project), undisturbed.results)
        expect_records(project)
        expect_nothing_left(project)

    def _play(self, scene: Scene) -> dict[str, object]:
        with self.copy_of(scene.state) as project:
            file = project.parent / "changes"
            ended = self.run(project, scene.arguments, counting(file, project))
            expect(ended.code == 0, f"undisturbed, {scene.name} ended with: {_last(ended)}")
            changes = int(file.read_text(encoding="utf-8"))
            return {
                "results": results_of(project),
                "changes": changes,
                "seconds": ended.seconds,
            }

    def _log(self) -> Path:
        self.copies.mkdir(parents=True, exist_ok=True)
        return self.copies / f"{next(self._numbers)}.log"


def finish(running: Running) -> Ended:
    """Wait for the end of a run, and see that it leaves no process."""
    ended, begun = running.wait(), time.monotonic()
    while (left := descendants(running.number)) and time.monotonic() - begun < GRACE:
        time.sleep(TICK)
    running.end()
    expect(not left or ended.code == -9, f"processes left: {left}")
    # What it has said last may be written by another process.
    return replace(ended, told=running.told())


def expect_refused(ended: Ended, *words: str) -> None:
    """See that a run was refused in one line, which has these words."""
    expect(ended.code not in (0, -9), f"expected a refusal, it ended with {ended.code}")
    expect(TRACEBACK not in ended.told, f"a traceback: {_last(ended)}")
    expect(bool(ended.error), f"expected one line that says why, got: {_last(ended)}")
    for word in words:
        expect(word in ended.error, f"expected {word!r} in: {ended.error}")


def _last(ended: Ended) -> str:
    return (ended.error or " / ".join(ended.told.strip().splitlines()[-3:]))[-300:]
