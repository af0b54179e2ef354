import importlib
import re
import sys
from dataclasses import dataclass

import pytest

from mgd3_kedro import fingerprint
from mgd3_kedro.fingerprint import (
    configuration_digest,
    digest,
    file_digest,
    plain_text,
    source_digest,
    task_fingerprint,
)
from mgd3_kedro.stages import neutral


@dataclass(frozen=True)
class Inner:
    scale: float
    device: str = neutral()


@dataclass(frozen=True)
class Outer:
    inner: Inner
    names: tuple[str, ...] = ("a", "b")


def test_texts_cannot_run_into_each_other():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab") != digest("ab", "")
    assert digest("ab", "c") == digest("ab", "c")


def test_a_file_is_known_by_its_name_and_content(tmp_path):
    first, second = tmp_path / "0.png", tmp_path / "1.png"
    first.write_bytes(b"same")
    second.write_bytes(b"same")
    assert file_digest([first]) != file_digest([second])
    assert file_digest([first, second]) != file_digest([second, first])
    before = file_digest([first, second])
    second.write_bytes(b"samf")
    assert file_digest([first, second]) != before


def test_settings_that_change_no_result_are_left_out_at_any_depth():
    assert plain_text(Outer(Inner(0.5, "cpu"))) == plain_text(Outer(Inner(0.5, "cuda")))
    assert plain_text(Outer(Inner(0.5, "cpu"))) != plain_text(Outer(Inner(0.25, "cpu")))
    assert "device" not in plain_text({"nested": [Inner(1.0, "cpu")]})


def test_settings_do_not_depend_on_the_order_they_are_written_in():
    assert plain_text({"a": 1, "b": 2}) == plain_text({"b": 2, "a": 1})
    assert plain_text({"a": [1, 2]}) != plain_text({"a": [2, 1]})


def test_a_task_is_its_code_settings_facts_and_inputs():
    def identify(function=digest, settings=1, about="n1", inputs=("x", "y")):
        return task_fingerprint(function, settings, about, inputs)

    others = [
        identify(function=plain_text),
        identify(settings=2),
        identify(about="n2"),
        identify(inputs=("y", "x")),
        identify(inputs=("x",)),
    ]
    assert len({identify(), *others}) == 6
    assert identify() == identify()


def test_settings_are_told_apart_but_neither_seeds_nor_the_order_of_inputs():
    def identify(function=digest, seed=0, steps=50, scale=0.5, device="cpu", inputs=("x", "y")):
        seeds = [{"seed": seed}, {"random_state": seed}]
        settings = {"steps": steps, "seeds": seeds, "inner": Inner(scale, device)}
        return configuration_digest(function, settings, inputs)

    same = {identify(), identify(seed=1), identify(device="cuda"), identify(inputs=("y", "x", "y"))}
    others = [
        identify(function=plain_text),
        identify(steps=25),
        identify(scale=0.25),
        identify(inputs=("x",)),
    ]
    assert len(same) == 1
    assert len({*same, *others}) == 5
    assert re.fullmatch(r"[0-9a-f]{12}", identify())


def test_what_is_made_of_something_unknown_is_unknown():
    assert configuration_digest(digest, 1, ["x", ""]) == ""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package whose `stage` imports `used`, which imports `deep`, but not `unused`."""
    folder = tmp_path / "toy_package"
    (folder / "family").mkdir(parents=True)
    sources = {
        "__init__.py": "",
        "stage.py": "from toy_package import used\nimport json\n\n\ndef run():\n    return used\n",
        "used.py": "def late():\n    from toy_package.family.deep import VALUE\n    return VALUE\n",
        "family/__init__.py": "",
        "family/deep.py": "from os.path import join\nVALUE = 1\n",
        "unused.py": "VALUE = 1\n",
    }
    for name, source in sources.items():
        (folder / name).write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(fingerprint, "PACKAGE", "toy_package")
    importlib.invalidate_caches()
    source_digest.cache_clear()
    yield folder
    source_digest.cache_clear()
    for name in [name for name in sys.modules if name.startswith("toy_package")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("edited", "matters"),
    [("stage.py", True), ("used.py", True), ("family/deep.py", True), ("unused.py", False)],
)
def test_the_code_of_a_stage_is_all_that_it_imports_and_no_more(edited, matters, package):
    before = source_digest("toy_package.stage")
    path = package / edited
    path.write_text(path.read_text() + "# edited\n")
    source_digest.cache_clear()
    assert (source_digest("toy_package.stage") != before) == matters
