import re
from dataclasses import dataclass

from mgd3_kedro.fingerprint import (
    configuration_digest,
    digest,
    file_digest,
    plain_text,
    task_fingerprints,
)
from mgd3_kedro.stages import Partition, Task, neutral


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


def given(fingerprint):
    return Partition(dict, fingerprint)


def test_a_task_is_its_code_settings_facts_and_inputs_by_name():
    first, second = given("x"), given("y")

    def identify(function=digest, settings=1, about="n1", **inputs):
        task = Task(inputs or {"first": first, "others": (second, first)}, about)
        return task_fingerprints(function, settings, {"n1": task})["n1"]

    others = [
        identify(function=plain_text),
        identify(settings=2),
        identify(about="n2"),
        identify(first=second, others=(second, first)),
        identify(first=first, others=(first, second)),
        identify(first=first, others=(second,)),
        identify(second=first, others=(second, first)),
    ]
    assert len({identify(), *others}) == 8
    assert identify() == identify()


def test_a_task_is_another_when_its_function_does_something_else_under_its_old_name():
    def adding():
        def step(batch, settings):
            return settings + 1

        return step

    def taking():
        def step(batch, settings):
            return settings - 1

        return step

    tasks = {"n1": Task({"images": given("x")})}
    found = []
    for make in (adding, adding, taking):
        function = make()
        function.__qualname__ = "step"
        found.append(task_fingerprints(function, 1, tasks)["n1"])
    assert found[0] == found[1] != found[2]


def test_every_class_has_an_identity_of_its_own():
    tasks = {wnid: Task({"images": given(wnid)}) for wnid in ("n1", "n2")}
    found = task_fingerprints(digest, 1, tasks)
    assert list(found) == ["n1", "n2"]
    assert found["n1"] != found["n2"]


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
