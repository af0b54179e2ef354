"""Full and read-only disks: small ones that are mounted, where that is allowed, or limits."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

from faults.families.kills import Named, scene_of
from faults.results import expect_true_states
from faults.table import expect
from faults.world import TRACEBACK, Scene, World, expect_refused

SIZE = 24
"""Megabytes of a disk."""
FULL = ("encode", "discover_modes", "guided_generate", "train_eval", "analyze_diversity", "report")
PRETRAIN = Scene("fresh", ("run", "--pipelines=pretrain"))
AT_ONCE = 15.0
"""Seconds within which a run is refused where nothing can be written."""


def fill_disks(random: Random) -> Named:
    """Leave few bytes free on the disk of a project, or of its data alone."""
    for stage in FULL:
        for part in (".", "data"):
            free = round(random.uniform(0, 200))
            what = f"{free} kB are free for {stage} in {'the project' if part == '.' else part}"
            yield what, partial(_fill, scene_of(stage), part, free)
    for free in (0, 40, 80):
        yield f"{free} kB are free for pretrain in data", partial(_fill, PRETRAIN, "data", free)


def limit_files(random: Random) -> Named:
    """Allow no file to get larger than so many bytes, as a quota does."""
    for stage in FULL:
        for most in (random.randrange(100, 2000), random.randrange(2000, 30_000)):
            what = f"no file of {stage} may get larger than {most} bytes"
            yield what, partial(_limit, scene_of(stage), most)
    for most in (2000, 20_000, 40_000):
        yield (
            f"no file of pretrain may get larger than {most} bytes",
            partial(_limit, PRETRAIN, most),
        )


def protect_disks(random: Random) -> Named:
    """Have nothing written to a project, or to its data alone."""
    del random
    for stage in ("encode", "guided_generate", "report"):
        yield f"the project may only be read by {stage}", partial(_protect, stage, ".")
        yield f"data may only be read by {stage}", partial(_protect, stage, "data")


def may_mount() -> bool:
    """Tell whether small disks can be mounted; a limit of files takes their place elsewhere."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


@contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """Mount a small disk.

    Raises:
        LostError: Where that is not allowed: another one is neither to be filled nor protected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mounted = _mount(["-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", folder])
    expect(mounted, "this machine lets nobody mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(folder: Path, free: int) -> Iterator[None]:
    """Fill a disk until so many kilobytes are free."""
    fillers = [folder / ".filler-of-all", folder / ".filler-that-goes"]
    with fillers[1].open("wb", buffering=0) as file:
        file.write(bytes(free * 1024))
    with contextlib.suppress(OSError), fillers[0].open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    fillers[1].unlink()
    try:
        yield
    finally:
        fillers[0].unlink()


def limited(most: int) -> Callable[[], None]:
    """Return what has a process write no file that is larger than so many bytes."""

    def limit() -> None:
        # What it says is written by another one, which has no such limit.
        reader, writer = os.pipe()
        if not os.fork():
            os.close(writer)
            while part := os.read(reader, 65536):
                os.write(1, part)
            os._exit(0)
        os.close(reader)
        for number in (1, 2):
            os.dup2(writer, number)
        os.close(writer)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return limit


def _mount(options: list[str | Path]) -> bool:
    tried = shutil.which("mount") and subprocess.run(
        ["mount", *options], capture_output=True, check=False
    )
    return bool(tried) and not tried.returncode


@contextmanager
def _project_on_disk(world: World, state: str, part: str) -> Iterator[tuple[Path, Path]]:
    """Give a project of which a part is on a disk of its own, and that part."""
    # No temporary directory: forks of this process would remove it when they end.
    with (
        disk(world.copies / "disk") as small,
        world.copy_of(state, None if part == "data" else small / "project") as project,
    ):
        if part == "data":
            shutil.move(project / part, small / part)
            (project / part).symlink_to(small / part)
        yield project, small


def _fill(scene: Scene, part: str, free: int, world: World) -> None:
    with _project_on_disk(world, scene.state, part) as (project, small):
        with filled(small, free):
            ended = world.run(project, scene.arguments)
        _expect_end(ended)
        world.again(project, scene)
        expect_true_states(project)


def _limit(scene: Scene, most: int, world: World) -> None:
    with world.copy_of(scene.state) as project:
        ended = world.run(project, scene.arguments, limited(most))
        _expect_end(ended)
        world.again(project, scene)
        expect_true_states(project)


def _expect_end(ended) -> None:
    expect(TRACEBACK not in ended.told, f"a traceback: {ended.told[-300:]}")
    if ended.code:
        expect_refused(ended)


def _protect(stage: str, part: str, world: World) -> None:
    scene = scene_of(stage)
    with _project_on_disk(world, scene.state, part) as (project, small):
        expect(_mount(["-o", "remount,ro", small]), "the disk could not be protected")
        begun = time.monotonic()
        ended = world.run(project, scene.arguments)
        expect_refused(ended, "data" if part == "data" else str(project))
        expect(time.monotonic() - begun < AT_ONCE, "it was refused late")
        expect(_mount(["-o", "remount,rw", small]), "the disk is protected for ever")
        world.again(project, scene)
