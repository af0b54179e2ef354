"""Several processes that make the same classes share them, and lose nothing."""

import json
import os
import random
import signal
import time
from multiprocessing import get_context

import pytest
from filelock import FileLock

from mgd3_kedro.datasets.claims import Claims, find_opener, lock_by_lease, lock_of_system
from mgd3_kedro.datasets.json_partitions import JSONPartitionsDataset
from mgd3_kedro.stages import Made, Partition, Stage, Task

CLASSES = 100
SECONDS = 0.01
FORK = get_context("fork")


def work_hard(batch, settings):
    """Compute for a while, on a processor."""
    end = time.process_time() + settings["seconds"]
    total = 0
    while time.process_time() < end:
        total += 1
    return {wnid: Made({"class": wnid, "value": 7 * task.about}, 1) for wnid, task in batch.items()}


def stage_of(classes, seconds=SECONDS, group_size=1):
    tasks = {
        f"n{number}": Task({"source": Partition(dict, f"source {number}")}, number)
        for number in range(classes)
    }
    return Stage(work_hard, tasks, {"seconds": seconds}, group_size)


def save_at(folder, stage, report):
    dataset = JSONPartitionsDataset(filepath=str(folder / "values"))
    before = time.process_time()
    dataset.save(stage)
    report.put((dataset.last_save.computed, time.process_time() - before))


def start(number, folder, stage):
    report = FORK.SimpleQueue()
    started = [FORK.Process(target=save_at, args=(folder, stage, report)) for _ in range(number)]
    for process in started:
        process.start()
    return started, report


def contents(folder):
    return {path.name: path.read_bytes() for path in (folder / "values").iterdir()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Return what one process makes, and its CPU seconds."""
    folder = tmp_path_factory.mktemp("alone")
    (process,), report = start(1, folder, stage_of(CLASSES))
    process.join()
    computed, seconds = report.get()
    assert computed == CLASSES
    return contents(folder), seconds


@pytest.mark.parametrize("number", [2, 3, 8])
def test_processes_that_make_the_same_share_the_classes(number, alone, tmp_path):
    made, seconds = alone
    processes, report = start(number, tmp_path, stage_of(CLASSES))
    for process in processes:
        process.join()
    assert {process.exitcode for process in processes} == {0}
    done = [report.get() for _ in processes]
    assert contents(tmp_path) == made
    assert sum(computed for computed, _ in done) == CLASSES
    assert min(computed for computed, _ in done) > 0
    assert max(of_process for _, of_process in done) < seconds
    assert not (tmp_path / "values.manifest/.work").exists()


@pytest.mark.parametrize("seed", range(10))
def test_one_that_is_killed_loses_nothing(seed, tmp_path):
    draw = random.Random(seed)
    stage = stage_of(12, group_size=draw.choice([1, 3]))
    processes, _ = start(2, tmp_path, stage)
    time.sleep(draw.uniform(0, 0.2))
    os.kill(processes[0].pid, signal.SIGKILL)
    for process in processes:
        process.join()
    assert processes[1].exitcode == 0
    assert {name: json.loads(text) for name, text in contents(tmp_path).items()} == {
        f"n{number}.json": {"class": f"n{number}", "value": 7 * number} for number in range(12)
    }
    after = JSONPartitionsDataset(filepath=str(tmp_path / "values"))
    after.save(stage)
    assert after.last_save.computed == 0


@pytest.mark.parametrize("opener", [lock_of_system, lock_by_lease])
def test_a_part_is_one_process_s_until_it_is_given_back(opener, tmp_path):
    first, second = (Claims(tmp_path, "same", opener) for _ in range(2))
    with first.registered("values"), second.registered("values"):
        assert first.take(["a", "b", "c"], 2) == ["a", "b"]
        assert second.take(["a", "b", "c"], 2) == ["c"]
        assert second.take(["a", "b", "c"], 2) == []
        first.give_back(["a"])
        assert second.take(["a", "b"], 2, whole=True) == []
        assert second.take(["a", "b"], 2) == ["a"]
    assert not (tmp_path / ".work").exists()


def test_parts_of_one_that_has_ended_are_free(tmp_path):
    def leave():
        claims = Claims(tmp_path, "same")
        with claims.registered("values"):
            claims.take(["a"], 1)
            os._exit(1)

    gone = FORK.Process(target=leave)
    gone.start()
    gone.join()
    assert len(list((tmp_path / ".work").glob("*.lock"))) == 1
    claims = Claims(tmp_path, "other")
    with claims.registered("values"):
        assert claims.take(["a"], 1) == ["a"]


def test_parts_of_one_that_renews_its_lease_no_more_are_free_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr("mgd3_kedro.datasets.claims.LEASE", 1.0)
    began = FORK.Event()

    def hang():
        claims = Claims(tmp_path, "same", lock_by_lease)
        with claims.registered("values"):
            claims.take(["a"], 1)
            began.set()
            time.sleep(60)

    hung = FORK.Process(target=hang)
    hung.start()
    began.wait()
    claims = Claims(tmp_path, "same", lock_by_lease)
    try:
        with claims.registered("values"):
            time.sleep(1.5)
            assert claims.take(["a"], 1) == []
            os.kill(hung.pid, signal.SIGSTOP)
            end = time.monotonic() + 10
            while not (taken := claims.take(["a"], 1)) and time.monotonic() < end:
                time.sleep(0.2)
            assert taken == ["a"]
    finally:
        hung.kill()
        hung.join()


def test_what_an_interrupted_probe_left_is_removed_and_one_at_work_is_no_other_answer(tmp_path):
    (tmp_path / ".probe").touch()
    with lock_of_system(tmp_path / ".probe"):
        assert find_opener(tmp_path) is lock_of_system
    assert find_opener(tmp_path) is lock_of_system
    assert not list(tmp_path.iterdir())


def test_leases_are_for_file_systems_without_locks(tmp_path, monkeypatch, caplog):
    assert find_opener(tmp_path) is lock_of_system

    def refuse(lock, *args, **settings):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with caplog.at_level("INFO", logger="mgd3_kedro"):
        assert find_opener(tmp_path) is lock_by_lease
    assert "has no file locks" in caplog.text
    assert not list(tmp_path.iterdir())
