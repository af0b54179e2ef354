import functools
import importlib
import sys
import types
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from mgd3_kedro.backbones import AutoencoderConfig
from mgd3_kedro.code_identity import find_code
from mgd3_kedro.source_code import READ, Definition, Symbol, definition_of
from mgd3_kedro.stages import neutral

SOURCES = {
    "__init__.py": "",
    "stage.py": """
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from toy_package import family, shapes
from toy_package.family import FINDERS, helper
from toy_package.steps import STEPS

if TYPE_CHECKING:
    from toy_package.models import Model


@dataclass
class Config:
    finder: str
    push: float = 0.0
    pull: float = 0.0
    pause: float = 1.0


def run(model: Model, count: int = 3) -> list[int]:
    \"\"\"Run it.\"\"\"
    # How many there are.
    total: int = count + helper(math.pi)
    return [total, FINDERS[str(model)], family.LEVEL]


def advance(config: Config):
    return [STEPS[name](1) for name in STEPS]


def measure():
    return shapes.area(2) + np.ones(1)


def unused():
    return 9
""",
    "shapes.py": "def area(side):\n    return side * side\n\n\ndef edge(side):\n    return side\n",
    "models.py": "class Model:\n    def draw(self):\n        return 5\n",
    "steps.py": """
def push(x):
    return x + 1


def pull(x):
    return x - 1


def pause(x):
    return x


STEPS = {"push": push, "pull": pull, "pause": pause}
""",
    "family/__init__.py": """
from toy_package.family.members import FINDERS, by_name
from toy_package.family.deep import helper

LEVEL = 4
""",
    "family/deep.py": """
def helper(x):
    from toy_package.family.late import add

    return add(x)


def other(x):
    return x
""",
    "family/late.py": "def add(x):\n    return x + 1\n",
    "family/members.py": """
def near(x):
    return x


def far(x):
    return -x


def none(x):
    return 0


FINDERS = {"near": near, "far": far, None: none}


def by_name(name):
    return FINDERS[name]


def nearest():
    return FINDERS["near"]


def nearest_or_none():
    return FINDERS.get("near")


def nearest_for_certain():
    return find(FINDERS, "near", "finder")


def find(table, name, family):
    return table[name]


def mention():
    return "near", FINDERS
""",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package and return what changes a file of it, as the next process would see it."""
    folder = tmp_path / "toy_package"
    (folder / "family").mkdir(parents=True)
    for name, source in SOURCES.items():
        (folder / name).write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    def edit(name, old, new):
        source = (folder / name).read_text()
        assert source.count(old) == 1
        (folder / name).write_text(source.replace(old, new))
        READ.clear()

    READ.clear()
    yield edit
    READ.clear()
    for name in [name for name in sys.modules if name.startswith("toy_package")]:
        del sys.modules[name]


def identify(function="run", settings=None, module="toy_package.stage"):
    found = getattr(importlib.import_module(module), function)
    return find_code(found, settings).digest


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stage.py", "Run it.", "Run it all."),
        ("stage.py", "# How many there are.", "# As many as there are."),
        ("stage.py", "count: int = 3", "count: float = 3"),
        ("stage.py", "-> list[int]:", "-> list[float]:"),
        ("stage.py", "total: int = ", "total = "),
        ("stage.py", "return 9", "return 10"),
        ("stage.py", "\n\n\ndef run", "\n\n\n\ndef  run"),
        ("shapes.py", "return side * side", "return side"),
        ("family/deep.py", "    return x\n", "    return 2 * x\n"),
        ("family/__init__.py", "import FINDERS, by_name", "import by_name, FINDERS"),
    ],
    ids=[
        "docstring",
        "comment",
        "hint of an argument",
        "hint of what is returned",
        "hint of a variable",
        "another function",
        "spaces",
        "a module of which something else is used",
        "another function of a module",
        "order of imports",
    ],
)
def test_what_changes_nothing_of_what_runs_is_the_same_code(file, old, new, package):
    before = identify()
    package(file, old, new)
    assert identify() == before


def test_a_module_that_says_that_it_changes_no_result_does_not_count(package):
    package("shapes.py", "def area", "CHANGES_NO_RESULT = True\n\n\ndef area")
    before = identify("measure")
    package("shapes.py", "return side * side", "print(side)")
    assert identify("measure") == before


def test_how_trainings_are_kept_is_no_part_of_what_they_give():
    assert definition_of(Symbol("mgd3_kedro.checkpoint", "Checkpoint")) == Definition("")
    assert definition_of(Symbol("mgd3_kedro.durable", "replacing_file")) == Definition("")
    assert definition_of(Symbol("mgd3_kedro.training.loop", "train")).uses


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stage.py", "count: int = 3", "count: int = 4"),
        ("stage.py", "return [total", "return [-total"),
        ("stage.py", "math.pi", "math.e"),
        ("stage.py", "import math", "import cmath as math"),
        ("stage.py", "import FINDERS, helper", "import by_name as helper, FINDERS"),
        ("models.py", "return 5", "return 6"),
        ("family/__init__.py", "LEVEL = 4", "LEVEL = 5"),
        ("family/__init__.py", "deep import helper", "deep import other as helper"),
        ("family/late.py", "return x + 1", "return x + 2"),
        ("family/late.py", "def add", "print(0)\ndef add"),
        ("family/members.py", "return -x", "return -2 * x"),
    ],
    ids=[
        "a default",
        "an expression",
        "a constant of a library",
        "another library",
        "another function by the same name",
        "a method of what is given",
        "a constant",
        "another function behind the same name",
        "a function imported in a function",
        "what importing does",
        "an entry of a table that nothing chooses from",
    ],
)
def test_what_changes_what_runs_is_other_code(file, old, new, package):
    before = identify()
    package(file, old, new)
    assert identify() != before


@pytest.mark.parametrize(
    ("settings", "edited", "matters"),
    [
        ({"finder": "near"}, "return x\n", True),
        ({"finder": "near"}, "return -x\n", False),
        ({"finder": "near"}, "return 0\n", True),
        ({"nested": [{"finders": "far; wide"}]}, "return -x\n", True),
        ({"nested": [{"finders": "far; wide"}]}, "return x\n", False),
        ({"finder": "unheard of"}, "return -x\n", True),
    ],
)
def test_of_a_table_the_entries_that_settings_name_count(settings, edited, matters, package):
    before = identify("by_name", settings, "toy_package.family.members")
    package("family/members.py", f"    {edited}", f"    {edited.strip()} + 7\n")
    assert (identify("by_name", settings, "toy_package.family.members") != before) == matters


@pytest.mark.parametrize(
    ("function", "matters"),
    [
        ("nearest", True),
        ("nearest_or_none", True),
        ("nearest_for_certain", True),
        ("mention", False),
    ],
)
def test_an_entry_that_the_code_itself_asks_for_counts(function, matters, package):
    def find():
        return identify(function, {"finder": "far"}, "toy_package.family.members")

    before = find()
    package("family/members.py", "    return x\n", "    return x + 7\n")
    assert (find() != before) == matters


@pytest.mark.parametrize(
    ("settings", "counting"),
    [
        ({"push": 0.5}, {"push"}),
        ({"push": 0.5, "pull": 0.0}, {"push"}),
        ({"push": 0.5, "pull": 0.1}, {"push", "pull"}),
        ({"push": 0.5, "pause": 1.0}, {"push"}),
        ({"push": 0.5, "pause": 2.0}, {"push", "pause"}),
        ({"push": 0.0}, set()),
    ],
)
def test_of_a_table_of_settings_those_count_that_are_on(settings, counting, package):
    edits = {"push": "return x + 1", "pull": "return x - 1", "pause": "return x\n"}
    stage = importlib.import_module("toy_package.stage")
    config = stage.Config("near", **settings)
    before, found = identify("advance", config), set()
    for name, old in edits.items():
        new = old.replace("x", "2 * x")
        package("steps.py", old, new)
        if identify("advance", config) != before:
            found.add(name)
        package("steps.py", new, old)
    assert found == counting


def test_all_of_a_table_counts_where_settings_do_not_choose(package):
    before = identify("advance")
    package("steps.py", "return x - 1", "return x - 2")
    assert identify("advance") != before


def test_the_order_of_what_counts_of_a_table_is_code_too(package):
    both, one = {"push": 1, "pull": 1}, {"push": 1, "pull": 0}
    before = [identify("advance", settings) for settings in (both, one)]
    package("steps.py", '"push": push, "pull": pull', '"pull": pull, "push": push')
    after = [identify("advance", settings) for settings in (both, one)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True]


def add_one(x):
    return x + 1


def add_two(x):
    return x + 2


def test_a_table_is_read_in_memory_where_it_was_extended(package):
    steps = importlib.import_module("toy_package.steps")
    found = [identify("advance", {name: 1}) for name in ("push", "mine")]
    steps.STEPS["mine"] = add_one
    found += [identify("advance", {name: 1}) for name in ("push", "mine")]
    steps.STEPS["mine"] = add_two
    found += [identify("advance", {name: 1}) for name in ("push", "mine")]
    assert found[0] == found[2] == found[4]
    assert len({found[1], found[3], found[5]}) == 3


def test_a_module_without_a_file_has_code(package, monkeypatch):
    module = types.ModuleType("toy_package.made_up")
    module.first, module.second = add_one, add_two
    monkeypatch.setitem(sys.modules, "toy_package.made_up", module)
    found = []
    for name in ("first", "second"):
        package("stage.py", "return 9", f"from toy_package.made_up import {name}; return {name}()")
        found.append(identify("unused"))
        package("stage.py", f"from toy_package.made_up import {name}; return {name}()", "return 9")
    assert len({*found, identify("unused")}) == 3


class Pair(NamedTuple):
    first: object
    second: object = 4


@dataclass
class Settings:
    value: object
    device: str = neutral()
    parts: list[object] = field(default_factory=list)


def test_functions_and_classes_among_settings_are_code(package):
    shapes = importlib.import_module("toy_package.shapes")
    model = importlib.import_module("toy_package.models").Model
    for one, file, old in (
        (shapes.area, "shapes.py", "return side * side"),
        (functools.partial(shapes.area, 2), "shapes.py", "return side * side"),
        (model, "models.py", "return 5"),
        (model().draw, "models.py", "return 5"),
    ):
        for settings in (
            one,
            Settings(one, "cpu"),
            Settings(0, "cpu", [{"one": (one,)}]),
            Pair(one),
        ):
            before = identify("unused", settings)
            package(file, old, "return 17")
            assert identify("unused", settings) != before
            package(file, "return 17", old)
            assert identify("unused", settings) == before


def test_the_function_itself_may_be_partial(package):
    module = importlib.import_module("toy_package.shapes")
    area, edge = functools.partial(module.area, 2), functools.partial(module.edge, 2)
    before = [find_code(function, None).digest for function in (area, edge)]
    package("shapes.py", "return side * side", "return side**2")
    after = [find_code(function, None).digest for function in (area, edge)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True]


def test_neutral_settings_choose_nothing(package):
    first, second = (Settings("near", device=device) for device in ("cpu", "far"))
    module = "toy_package.family.members"
    assert identify("by_name", first, module) == identify("by_name", second, module)


def test_functions_that_are_each_other_are_told_apart_by_which_begins(package):
    recursive = "def a():\n    return b()\n\n\ndef b():\n    return a()\n"
    package("shapes.py", SOURCES["shapes.py"], recursive)
    assert identify("a", module="toy_package.shapes") != identify("b", module="toy_package.shapes")


def test_libraries_are_those_that_the_code_imports(package):
    stage = importlib.import_module("toy_package.stage")
    assert find_code(stage.run, None).libraries == frozenset()
    assert find_code(stage.measure, None).libraries == {"numpy"}


def test_the_same_process_and_the_next_find_the_same(package):
    before = identify()
    assert identify() == before
    READ.clear()
    assert identify() == before


def test_a_module_is_what_was_imported_whatever_its_file_is_by_now(package, tmp_path):
    late, before = importlib.import_module("toy_package.family.late"), identify()
    path = tmp_path / "toy_package/family/late.py"
    path.write_text(path.read_text().replace("return x + 1", "return x + 2"))
    assert identify() == before
    importlib.reload(late)
    assert identify() != before


def run_mine(x):
    """Stand for a function of a user's own."""
    return add_one(x)


def test_a_function_of_a_users_own_module_is_followed_there():
    assert find_code(run_mine, None).digest != find_code(add_one, None).digest
    assert find_code(len, None).digest != find_code(max, None).digest


def modes_with(finder):
    from mgd3_kedro.modes import ModesConfig

    return ModesConfig(
        finder, ipc=2, random_state=0, n_init=1, pool=2, components=2, balance="equal"
    )


def test_all_of_a_table_counts_where_the_code_takes_all_members(monkeypatch):
    from mgd3_kedro.metrics import METRICS, AnalysisConfig
    from mgd3_kedro.pipelines.analyze_diversity.features import FeatureSettings
    from mgd3_kedro.pipelines.analyze_diversity.nodes import Analysis, analyze_classes

    # A setting is called like a metric, precision.
    seeing = FeatureSettings("latents", 8, AutoencoderConfig("fp32", False, "cpu"))
    settings = Analysis(seeing, AnalysisConfig(30.0, 0, 50, None, "drawn"))
    before = find_code(analyze_classes, settings).digest
    monkeypatch.setitem(METRICS, "mine", add_one)
    assert find_code(analyze_classes, settings).digest != before


def test_another_mode_finder_leaves_the_code_of_kmeans_as_it_is(monkeypatch):
    from mgd3_kedro.modes import MODE_FINDERS, find_modes

    kmeans = find_code(find_modes, modes_with("kmeans"))
    assert kmeans.digest != find_code(find_modes, modes_with("dbscan")).digest
    assert {"sklearn", "torch"} <= kmeans.libraries
    monkeypatch.setitem(MODE_FINDERS, "mine", add_one)
    assert find_code(find_modes, modes_with("kmeans")) == kmeans
    mine = find_code(find_modes, modes_with("mine"))
    assert mine.digest != kmeans.digest
    monkeypatch.setitem(MODE_FINDERS, "mine", add_two)
    assert find_code(find_modes, modes_with("mine")).digest != mine.digest


@pytest.mark.parametrize("settings", [{"mode_guidance_scale": 0.1}, {"mode_guidance_scale": 0}])
def test_another_drift_leaves_the_code_of_guided_and_unguided_samples_as_it_is(
    settings, monkeypatch
):
    from mgd3_kedro.sampling import denoise
    from mgd3_kedro.sampling.guidance import DRIFTS

    before = find_code(denoise, settings)
    monkeypatch.setitem(DRIFTS, "mine", add_one)
    assert find_code(denoise, settings) == before
    assert find_code(denoise, {**settings, "mine": 1}).digest != before.digest


def test_another_conditioning_leaves_the_code_of_samples_as_it_is(monkeypatch):
    from mgd3_kedro.sampling import denoise
    from mgd3_kedro.sampling.conditionings import CONDITIONINGS

    plain, annealed = (find_code(denoise, {"condition_noise": noise}) for noise in (0, 0.06))
    assert plain.digest != annealed.digest
    monkeypatch.setitem(CONDITIONINGS, "mine", add_one)
    assert find_code(denoise, {"condition_noise": 0}) == plain
    assert find_code(denoise, {"condition_noise": 0.06}) == annealed
