"""Locales, time zones, and folders of all kinds of names."""

from __future__ import annotations

from functools import partial
from random import Random

from faults.families.kills import Named, scene_of
from faults.results import expect_true_states
from faults.table import expect
from faults.world import Scene, World, expect_refused, finish

WITHOUT_UTF8 = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES = {
    "C, without UTF-8": {**WITHOUT_UTF8, "LC_ALL": "C"},
    "POSIX, without UTF-8": {**WITHOUT_UTF8, "LC_ALL": "POSIX", "LANG": ""},
    "one that there is not": {**WITHOUT_UTF8, "LC_ALL": "xx_XX.ISO-8859-1"},
    "output in Latin-1": {"PYTHONIOENCODING": "latin-1"},
    "output in ASCII": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    "Turkish letters": {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
    "far in the east": {"TZ": "Pacific/Kiritimati"},
    "no home": {"HOME": "/nonexistent"},
    "no variables that say who": {"USER": "", "LOGNAME": "", "HOME": ""},
    "another order of hashes": {"PYTHONHASHSEED": "4321"},
    "checks left out": {"PYTHONOPTIMIZE": "2"},
    "warnings": {"PYTHONWARNINGS": "default"},
}
"""What surrounds a run -> variables."""
NAMES = (
    *("a b", "$HOME", "~", "a'b", 'a"b', "a;b", "a&b", "a#b", "a=b", "a,b", "a:b", "a\\b", "ü ñ"),
    *("数据", "имя", "🙂", "-run", ".hidden", "a\nb", "100% good", "a" * 200, "nested/a/b"),
    *("<b>", "(a)", "!", "a|b", "con", "trailing "),
)
"""Names of folders of a project."""
REFUSED = ("a%41b", "a?b", "a [y]", "a {x}", "{benchmark}", "${seed}", "*")
"""Those that the address of a store cannot have, or that Kedro takes for patterns."""


def change_surroundings(random: Random) -> Named:
    """Run in other locales, and with other variables; then as always."""
    del random
    for told, variables in LOCALES.items():
        yield told, partial(_surround, "discover_modes", variables)


def change_names(random: Random) -> Named:
    """Run in a folder with another name."""
    del random
    for name in NAMES:
        yield f"a project in {name[:30]!r}", partial(_name, name)
    for name in REFUSED:
        yield f"a project in {name!r}", partial(_refuse, name)


def _surround(stage: str, variables: dict[str, str], world: World) -> None:
    scene = scene_of(stage)
    with world.copy_of(scene.state) as project:
        ended = finish(world.start(project, scene.arguments, **variables))
        expect(ended.code == 0, f"it ended with {ended.code}: {ended.error or ended.told[-300:]}")
        world.compare(project, scene)
        again = world.again(project, scene)
        # The run before counts, wherever it was made.
        expect("up to date" in again.told, f"made again: {again.told[-200:]}")
        expect_true_states(project, "FINISHED")


def _name(name: str, world: World) -> None:
    scene = Scene("fresh", ("run", "--pipelines=encode"))
    place = world.copies / "named" / name
    with world.copy_of(scene.state, place) as project:
        world.again(project, scene)
        expect_true_states(project, "FINISHED")
        expect("up to date" in world.again(project, scene).told, "made again")


def _refuse(name: str, world: World) -> None:
    scene = Scene("fresh", ("run", "--pipelines=encode"))
    with world.copy_of(scene.state, world.copies / name) as project:
        expect_refused(world.run(project, scene.arguments), "rename it")
        other = project.rename(world.copies / "renamed")
        world.again(other, scene)
