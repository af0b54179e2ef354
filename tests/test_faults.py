"""The faults that `make faults` has happen: what they are about, and a few of them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter

import pytest
from faults.families import FAMILIES, all_faults, in_turn, spread
from faults.families.damage import BROKEN, JSON, kinds
from faults.families.kills import OTHERS
from faults.interrupt import at_change, counting
from faults.results import expect_same, results_of
from faults.rows import ROWS, read_rows
from faults.table import LostError
from faults.world import STAGES
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from tiny_project import REPOSITORY

from mgd3_kedro.pipeline_registry import register_pipelines

FEWEST = 300
IN_MEMORY = "MemoryDataset"


def test_there_are_enough_faults_and_none_twice():
    faults = all_faults()
    assert len({(fault.family, fault.what) for fault in faults}) == len(faults) >= FEWEST
    assert {fault.family for fault in faults} == set(FAMILIES)
    kills = Counter(fault.what.split()[0] for fault in faults if fault.family == "kill a stage")
    assert kills.keys() == {*STAGES, *OTHERS}
    assert min(kills[stage] for stage in STAGES) >= 20


def test_a_seed_draws_the_same_faults_and_another_one_others():
    assert all_faults() == all_faults()
    assert all_faults(1) != all_faults(2)
    few = spread(all_faults(), 2)
    assert max(Counter(fault.family for fault in few).values()) == 2
    assert {fault.family for fault in few} == set(FAMILIES)


def test_what_was_never_tried_comes_first_and_families_take_turns():
    few = spread(all_faults(), 2)[:6]
    tried = {few[0].digest}
    assert in_turn(few, tried) == [few[1], few[2], few[4], few[3], few[5], few[0]]


def test_files_of_every_entry_that_is_read_back_are_damaged(project):
    """An entry that a pipeline reads and does not make is what another run has left, or given."""
    bootstrap_project(project)
    with KedroSession.create(project) as session:
        catalog = session.load_context().catalog
    pipelines = register_pipelines()
    read = {name for pipeline in pipelines.values() for name in pipeline.inputs()}
    read = {name for name in read if not name.startswith("param")}
    on_disk = {name for name in read if type(catalog.get(name)).__name__ != IN_MEMORY}
    assert len(on_disk) > 20
    assert {name.removeprefix("found_") for name in on_disk} <= set(kinds())


@pytest.mark.parametrize("how", [*BROKEN, *JSON])
def test_damage_changes_a_file(how):
    from random import Random

    data = json.dumps({"a": [1, 2, 3]}).encode()
    assert {**BROKEN, **JSON}[how](data, Random(0)) != data


@pytest.fixture
def made(tmp_path):
    """Write results as a run does, twice, with other times."""
    for name, seconds in (("one", 1.5), ("other", 2.5)):
        folder = tmp_path / name / "data/a"
        (folder / ".work").mkdir(parents=True)
        (folder / ".work/claim").write_text(name)
        (folder / "x.json.1-2.partial").write_text(name)
        (folder / "x.json").write_text(json.dumps({"top1": 8.0, "of": {"load_seconds": seconds}}))
        (folder / "x.csv").write_text(f"seed,seconds,top1\n0,{seconds},8\n")
        (folder / "x.html").write_text(f"<dd>{seconds} s</dd><dd>8.0</dd>")
        (folder / "x.png").write_bytes(b"pixels")
    return tmp_path / "one", tmp_path / "other"


def test_results_are_compared_without_times(made):
    one, other = map(results_of, made)
    assert sorted(one) == ["a/x.csv", "a/x.html", "a/x.json", "a/x.png"]
    expect_same(one, other)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "x.png").write_bytes(b"pixelz"), "not the same: a/x.png"),
        (lambda folder: (folder / "x.csv").write_text("seed,seconds,top1\n0,1,9\n"), "a/x.csv"),
        (lambda folder: (folder / "x.csv").write_text("seed,seconds,top1\n0,1\n"), "a/x.csv"),
        (lambda folder: (folder / "x.json").write_text('{"top1": 9}'), "not the same: a/x.json"),
        (lambda folder: (folder / "x.json").write_text('{"top1"'), "not the same: a/x.json"),
        (lambda folder: (folder / "x.html").write_text("<dd>9.0</dd>"), "a/x.html"),
        (lambda folder: (folder / "x.png").unlink(), "missing: a/x.png"),
        (lambda folder: (folder / "y.png").touch(), "surplus: a/y.png"),
    ],
)
def test_what_differs_is_found(change, told, made):
    one, other = made
    change(other / "data/a")
    with pytest.raises(LostError, match=told):
        expect_same(results_of(other), results_of(one))


def change_files(root):
    (root / "folder").mkdir()
    (root / "folder/a").write_text("a")
    (root / "folder/a").read_text()
    (root / "folder/a").replace(root / "b")
    (root.parent / "elsewhere").write_text("not counted")
    (root / "b").unlink()


def in_a_fork(work):
    """Do something in a fork, and return how that ended."""
    number = os.fork()
    if not number:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def test_a_process_is_killed_before_one_of_its_changes_of_files(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    count = tmp_path / "count"
    assert in_a_fork(lambda: (counting(count, root)(), change_files(root))) == 0
    assert int(count.read_text()) == 4
    shutil.rmtree(root / "folder")
    assert in_a_fork(lambda: (at_change(3, signal.SIGKILL, root)(), change_files(root))) == -9
    assert [path.name for path in root.rglob("*")] == ["folder", "a"]


def test_every_row_that_is_kept_is_of_a_fault_that_was_survived():
    digests = {fault.digest: fault for fault in all_faults()}
    rows = read_rows(ROWS)
    assert rows
    for digest, row in rows.items():
        assert (digests[digest].family, digests[digest].what) == (row.family, row.what)
        assert (row.survived, row.told) == ("yes", "")


@pytest.mark.faults
def test_a_project_whose_every_stage_is_disturbed_comes_to_the_same_results(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--short", "--folder", tmp_path],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    told = ran.stdout.splitlines()
    assert told[-2:-1] == [f"{len(STAGES)} faults, {len(STAGES)} survived"], ran.stdout + ran.stderr
