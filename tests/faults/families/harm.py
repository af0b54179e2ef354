"""Images, archives, tables and models that mean harm: refused, without an effect elsewhere."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from random import Random

from faults.families.kills import Named
from faults.hostile import ARCHIVES, CANARY, IMAGES, MODELS, TABLES, Writer, pickled, picture
from faults.results import results_of
from faults.table import expect
from faults.world import TRACEBACK, Scene, World, expect_refused

EVALUATE = ("run", "--pipelines=evaluate", "--params", "images=theirs,method=theirs")
THEIRS = Scene("theirs", EVALUATE)
LONGEST = 60.0


def bring_images(random: Random) -> Named:
    """Have an image of a class that is none, or means harm; then a good one in its place."""
    del random
    for told, write in IMAGES.items():
        yield told, partial(_bring_image, write)


def bring_archives(random: Random) -> Named:
    """Have a set in a file that means harm, or is broken; then evaluate a good one."""
    del random
    for told, (name, write) in ARCHIVES.items():
        yield told, partial(_bring_archive, name, write)


def bring_tables(random: Random) -> Named:
    """Have a class table with what does not belong there."""
    del random
    for told, data in TABLES.items():
        yield told, partial(_bring_table, data)


def bring_models(random: Random) -> Named:
    """Have a prior that means harm, or is broken."""
    del random
    for told, write in MODELS.items():
        yield told, partial(_bring_model, write)
    yield "a checkpoint that is a pickle with a right digest", _bring_checkpoint


def make_theirs(world: World) -> None:
    """Make the state that has somebody's images."""
    state = world.folder / "states" / THEIRS.state
    if not state.is_dir():
        with world.copy_of("fresh") as project:
            for digit in range(10):
                (project / "theirs" / str(digit)).mkdir(parents=True)
                for number in range(2):
                    (project / f"theirs/{digit}/{number}.png").write_bytes(picture())
            shutil.move(project, state)


def _harmless(project: Path) -> None:
    places = (project, project.parent, Path("/tmp"))
    for place in places:
        expect(not (place / CANARY).exists(), f"{place / CANARY}: code or a path was followed")
    found = {path.name for path in project.parent.iterdir()}
    expect(found == {project.name}, f"outside the project: {found - {project.name}}")


def _try(world: World, project: Path, arguments: tuple[str, ...], name: str) -> None:
    ended = world.run(project, arguments)
    _harmless(project)
    expect(TRACEBACK not in ended.told, f"a traceback: {ended.told[-300:]}")
    expect(ended.seconds < LONGEST, f"it took {ended.seconds:.0f} s")
    if ended.code:
        expect_refused(ended, name)


def _bring_image(write: Writer, world: World) -> None:
    make_theirs(world)
    with world.copy_of(THEIRS.state) as project:
        place = project / "theirs/4/1.png"
        whole = place.read_bytes()
        write(place)
        _try(world, project, EVALUATE, "1.png")
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.write_bytes(whole)
        world.again(project, THEIRS)


def _bring_archive(name: str, write: Writer, world: World) -> None:
    make_theirs(world)
    with world.copy_of(THEIRS.state) as project:
        write(project / name)
        _try(world, project, (*EVALUATE[:-1], f"images={name},method=archive"), name)
        (project / name).unlink()
        for path in project.glob("data/*/mnist/test/dit/*/archive"):
            shutil.rmtree(path)
        world.again(project, THEIRS)


def _bring_table(data: bytes, world: World) -> None:
    scene = Scene("fresh", ("run", "--pipelines=encode"))
    with world.copy_of(scene.state) as project:
        before = results_of(project)
        (project / "theirs.tsv").write_bytes(data)
        _try(world, project, (*scene.arguments, "--params", "classes=theirs.tsv"), "")
        surplus = results_of(project).keys() - before.keys()
        expect(not surplus, f"made from such a table: {sorted(surplus)[:3]}")
        (project / "theirs.tsv").unlink()
        world.again(project, scene)


def _bring_model(write: Writer, world: World) -> None:
    scene = Scene("fresh", ("run", "--pipelines=encode"))
    with world.copy_of(scene.state) as project:
        model, kept = project / "data/06_models/mnist", project / "kept"
        shutil.copytree(model, kept)
        write(model)
        _try(world, project, ("run", "--pipelines=generate"), "")
        shutil.rmtree(model)
        kept.rename(model)
        shutil.rmtree(project / "data/02_intermediate", ignore_errors=True)
        for path in project.glob("data/0[2-8]*/mnist"):
            if path.parent.name != "06_models":
                shutil.rmtree(path)
        world.again(project, scene)


def _bring_checkpoint(world: World) -> None:
    import hashlib
    import signal

    from faults.interrupt import at_change

    scene = Scene("fresh", ("run", "--pipelines=pretrain"))
    with world.copy_of(scene.state) as project:
        number = 1 + int(0.8 * world.undisturbed(scene).changes)
        world.run(project, scene.arguments, at_change(number, signal.SIGKILL, project))
        data = pickled()
        files = [*project.glob("data/06_models/checkpoints/**/*.ckpt")]
        expect(bool(files), "no checkpoint is there")
        for path in files:
            path.write_bytes(data + hashlib.sha256(data).hexdigest().encode())
        world.again(project, scene)
        _harmless(project)
