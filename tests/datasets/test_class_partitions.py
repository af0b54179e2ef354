import errno
import functools
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from kedro.io import DatasetError

from mgd3_kedro.datasets import partition_files
from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset, SaveReport
from mgd3_kedro.datasets.image_folder import ImagePartitionsDataset
from mgd3_kedro.datasets.json_partitions import JSONPartitionsDataset
from mgd3_kedro.datasets.manifest import Manifest
from mgd3_kedro.datasets.tensor import TensorPartitionsDataset
from mgd3_kedro.environment import environment, version_of
from mgd3_kedro.fingerprint import file_digest
from mgd3_kedro.progress import read_progress
from mgd3_kedro.stages import Made, Partition, Stage, Task, neutral

WNIDS = ["n3", "n1", "n2", "n10"]
BIG = 400_000


@dataclass(frozen=True)
class Scaling:
    factor: int
    workers: int = neutral()


def scale(batch, settings):
    return {
        wnid: Made(
            {"scaled": task.inputs["source"] * settings.factor + task.about["shift"]},
            count=task.about["shift"],
            metrics={"share": 0.5},
            rows=({"image": f"{wnid}/0.png", "classes_at_once": len(batch)},),
        )
        for wnid, task in batch.items()
    }


def scale_and_negate(batch, settings):
    made = scale(batch, settings)
    return {
        wnid: replace(one, value={"scaled": -one.value["scaled"]}) for wnid, one in made.items()
    }


def pass_on(batch, settings):
    return {wnid: Made(task.inputs["source"], 1) for wnid, task in batch.items()}


def cluster(batch, settings):
    import sklearn

    return {wnid: Made({"has": hasattr(sklearn, "cluster")}, 1) for wnid in batch}


def break_at_n2(batch, settings):
    if "n2" in batch:
        raise ArithmeticError("n2 cannot be computed")
    return scale(batch, settings)


def paint(batch, settings):
    images = torch.arange(12 * 3 * 8 * 8).view(12, 3, 8, 8) * settings.factor % 251
    return {wnid: Made(images.to(torch.uint8), 12) for wnid in batch}


def enlarge(batch, settings):
    return {wnid: Made({"text": wnid * BIG}, 1) for wnid in batch}


def give(value):
    return value


def make_stage(function=scale, *, factor=2, workers=1, wnids=WNIDS, changed=None, group_size=1):
    """Return a stage of which one class may have another input or other facts."""
    tasks = {}
    for number, wnid in enumerate(sorted(wnids)):
        version = "new" if changed == ("input", wnid) else "old"
        name = f"{version} source {wnid}"
        source = Partition(functools.partial(give, number), name, configuration="source")
        about = {"shift": 100 if changed == ("about", wnid) else 5}
        tasks[wnid] = Task({"source": source}, about)
    ordered = {wnid: tasks[wnid] for wnid in wnids}
    return Stage(function, ordered, Scaling(factor, workers), group_size)


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def contents(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def dataset(tmp_path):
    return JSONPartitionsDataset(filepath=str(tmp_path / "values"))


@pytest.fixture
def again(tmp_path):
    """Return the dataset as the next run would have it."""
    return lambda **settings: JSONPartitionsDataset(filepath=str(tmp_path / "values"), **settings)


def test_loading_gives_the_classes_in_the_order_of_the_stage_with_all_that_was_written_down(
    dataset,
):
    dataset.save(make_stage())
    loaded = dataset.load()
    assert list(loaded) == WNIDS
    partition = loaded["n2"]
    assert partition.load() == {"scaled": 2 * 2 + 5}
    assert partition.count == 5
    assert partition.metrics == {"share": 0.5}
    assert partition.rows == ({"image": "n2/0.png", "classes_at_once": 1},)
    assert 0 <= partition.seconds < 5
    assert len({one.fingerprint for one in loaded.values()}) == 4


def test_classes_and_real_images_share_a_configuration_and_other_settings_do_not(dataset, again):
    found = []
    for stage in (make_stage(), make_stage(changed=("input", "n2")), make_stage(factor=3)):
        dataset.save(stage)
        found.append({partition.configuration for partition in again().load().values()})
    first, other_images, other_settings = found
    assert len(first) == 1
    assert other_images == first
    assert not other_settings & first


def test_what_a_partition_was_made_with_is_written_down(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/kedro", "run", "--env=mnist"])
    dataset.save(make_stage(cluster))
    partition = dataset.load()["n2"]
    assert partition.command == "kedro run --env=mnist"
    assert partition.environment == environment()
    record = json.loads((tmp_path / "values.manifest/n2.json").read_text())
    assert record["libraries"] == {"scikit-learn": version("scikit-learn")}


def test_workers_write_down_the_command_that_started_them(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["kedro", "run"])
    parallel = JSONPartitionsDataset(filepath=str(tmp_path / "values"), workers=2)
    parallel.save(make_stage(cluster))
    loaded = parallel.load().values()
    assert {partition.command for partition in loaded} == {"kedro run"}
    assert {partition.environment for partition in loaded} == {environment()}
    records = [json.loads(path.read_text()) for path in tmp_path.glob("values.manifest/*.json")]
    assert [record["libraries"] for record in records] == [
        {"scikit-learn": version("scikit-learn")}
    ] * len(WNIDS)


@pytest.fixture
def install(monkeypatch):
    """Return what makes another version of scikit-learn appear to be installed."""

    def pretend(other):
        monkeypatch.setattr(
            "importlib.metadata.version",
            lambda name: other if name == "scikit-learn" else version(name),
        )
        version_of.cache_clear()

    yield pretend
    version_of.cache_clear()


CHANGED_FILES = (
    "values: files of 1 of 4 classes, n1 first, have changed since they were made; these "
    "classes are made again"
)


def warnings_in(caplog):
    return [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]


def test_partitions_made_with_another_library_are_kept_with_one_warning(
    again, install, caplog, tmp_path
):
    install("1.6.1")
    again().save(make_stage(cluster, wnids=["n1", "n2"]))
    assert not warnings_in(caplog)
    install("1.7.0")
    before = times(tmp_path / "values") | times(tmp_path / "values.manifest")
    kept = again()
    kept.save(make_stage(cluster, wnids=["n1", "n2"]))
    assert kept.last_save == SaveReport(skipped=2)
    assert times(tmp_path / "values") | times(tmp_path / "values.manifest") == before
    told = "were made with scikit-learn 1.6.1, this process has 1.7.0; they are kept"
    assert warnings_in(caplog) == [
        f"values: 2 of 2 classes {told}; to make them again: --params reuse=same"
    ]
    caplog.clear()
    again().save(make_stage(cluster))
    assert warnings_in(caplog) == [
        f"values: 2 of 4 classes {told}; to make them again: --params reuse=same"
    ]


def test_partitions_made_with_another_library_are_made_anew_if_asked(again, install, caplog):
    install("1.6.1")
    again(reuse="same").save(make_stage(cluster))
    install("1.7.0")
    anew = again(reuse="same")
    anew.save(make_stage(cluster))
    assert anew.last_save.computed == 4
    anew.save(make_stage(cluster))
    assert anew.last_save.skipped == 4
    again().save(make_stage(cluster))
    assert not warnings_in(caplog)


def test_the_version_of_a_library_that_a_stage_does_not_use_is_nothing_to_it(
    again, install, caplog
):
    install("1.6.1")
    again().save(make_stage())
    install("1.7.0")
    same = again(reuse="same")
    same.save(make_stage())
    assert same.last_save.computed == 0
    assert not warnings_in(caplog)


def test_only_known_ways_of_reuse_are_accepted(again):
    with pytest.raises(ValueError, match="reuse: expected one of any, same, got 'none'"):
        again(reuse="none")


def add_time_of_earlier(batch, settings):
    return {
        wnid: replace(made, seconds_before=1e6) for wnid, made in scale(batch, settings).items()
    }


def test_what_a_class_took_up_again_counts_with_its_time(dataset):
    dataset.save(replace(make_stage(), function=add_time_of_earlier))
    assert all(1e6 < partition.seconds < 1e6 + 5 for partition in dataset.load().values())
    assert dataset.last_save.computing_seconds < 20


def test_a_stage_is_computed_once(dataset, again, tmp_path):
    dataset.save(make_stage())
    assert dataset.last_save.computed == 4
    before = times(tmp_path / "values") | times(tmp_path / "values.manifest")
    next_run = again()
    next_run.save(make_stage())
    assert next_run.last_save == SaveReport(computed=0, skipped=4, computing_seconds=0.0)
    assert times(tmp_path / "values") | times(tmp_path / "values.manifest") == before


@pytest.mark.parametrize(
    ("stage", "redone"),
    [
        (make_stage(factor=3), WNIDS),
        (make_stage(scale_and_negate), WNIDS),
        (make_stage(changed=("input", "n1")), ["n1"]),
        (make_stage(changed=("about", "n10")), ["n10"]),
        (make_stage(workers=8), []),
        (make_stage(group_size=3), []),
        (make_stage(wnids=WNIDS[::-1]), []),
    ],
    ids=["settings", "code", "an input", "a class", "neutral", "grouping", "order"],
)
def test_what_changed_is_computed_again_and_nothing_else(stage, redone, dataset, again, tmp_path):
    dataset.save(make_stage())
    before = times(tmp_path / "values")
    next_run = again()
    next_run.save(stage)
    after = times(tmp_path / "values")
    assert {name for name in after if after[name] != before[name]} == {f"{w}.json" for w in redone}
    assert next_run.last_save.computed == len(redone)
    assert list(next_run.load()) == list(stage.tasks)
    fresh = JSONPartitionsDataset(filepath=str(tmp_path / "elsewhere"))
    fresh.save(stage)
    assert contents(tmp_path / "values") == contents(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda root: (root / "values/n1.json").unlink(), CHANGED_FILES),
        (lambda root: (root / "values/n1.json").write_text('{"scaled": 999}'), CHANGED_FILES),
        (lambda root: (root / "values.manifest/n1.json").unlink(), None),
        (lambda root: (root / "values.manifest/n1.json").write_text('{"fingerpr'), "expected "),
        (lambda root: (root / "values.manifest/n1.json").write_text("{}"), "expected a record"),
    ],
    ids=["deleted", "tampered", "record deleted", "record cut off", "record empty"],
)
def test_a_damaged_class_is_computed_again(damage, told, dataset, again, tmp_path, caplog):
    dataset.save(make_stage())
    undamaged = contents(tmp_path / "values")
    damage(tmp_path)
    next_run = again()
    next_run.save(make_stage())
    assert next_run.last_save.computed == 1
    assert next_run.last_save.skipped == 3
    assert contents(tmp_path / "values") == undamaged
    assert [told in message for message in warnings_in(caplog)] == [True] * (told is not None)


@pytest.mark.parametrize("content", ["", "null", "[]", '["n3", "n'])
def test_a_damaged_index_is_refused_by_name_and_written_anew_by_the_stage(
    content, dataset, again, tmp_path, caplog
):
    dataset.save(make_stage())
    undamaged = contents(tmp_path / "values.manifest")
    index = tmp_path / "values.manifest/complete"
    index.write_text(content)
    with pytest.raises(DatasetError) as error:
        again().load()
    assert f"{index}: expected " in str(error.value)
    assert "run the stage that makes it" in str(error.value)
    assert "Expecting" not in str(error.value)
    next_run = again()
    next_run.save(make_stage())
    (warning,) = [text for text in caplog.messages if "written anew" in text]
    assert warning.startswith(f"{index}: expected ")
    assert next_run.last_save.computed == 0
    assert list(next_run.load()) == WNIDS
    assert contents(tmp_path / "values.manifest") == undamaged


def test_a_damaged_record_is_refused_by_name_where_its_stage_does_not_run(dataset, again, tmp_path):
    dataset.save(make_stage())
    record = tmp_path / "values.manifest/n1.json"
    record.write_text("null")
    with pytest.raises(DatasetError, match="run the stage that makes it") as error:
        again().load()
    assert f"{record}: expected an object in JSON, got null" in str(error.value)


def test_classes_that_a_stage_no_longer_has_are_removed(dataset, again, tmp_path):
    dataset.save(make_stage())
    next_run = again()
    next_run.save(make_stage(wnids=["n2", "n1"]))
    assert next_run.last_save.computed == 0
    assert list(next_run.load()) == ["n2", "n1"]
    assert set(contents(tmp_path / "values")) == {"n1.json", "n2.json"}


def test_a_call_gets_as_many_classes_as_fit_a_group(dataset):
    dataset.save(make_stage(group_size=3))
    sizes = [partition.rows[0]["classes_at_once"] for partition in dataset.load().values()]
    assert sizes == [3, 3, 3, 1]
    assert dataset.last_save.computed == 4


def test_an_artefact_that_was_never_made_is_refused_with_what_makes_it(dataset, tmp_path):
    assert not dataset.exists()
    with pytest.raises(
        DatasetError, match=r"expected a complete .*values, found no finished"
    ) as at:
        dataset.load()
    assert "run the stage that makes it" in str(at.value)


def test_an_exception_keeps_what_was_finished_and_the_rest_follows(dataset, again, tmp_path):
    with pytest.raises(DatasetError, match="n2 cannot be computed"):
        dataset.save(make_stage(break_at_n2))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="found 2 finished partitions; run the stage"):
        dataset.load()
    before = times(tmp_path / "values")
    assert set(before) == {"n3.json", "n1.json"}
    next_run = again()
    with pytest.raises(DatasetError, match="n2 cannot be computed"):
        next_run.save(make_stage(break_at_n2))
    assert next_run.last_save.skipped == 2
    assert times(tmp_path / "values") == before


def test_an_artefact_that_changes_is_not_complete_meanwhile(dataset, again):
    dataset.save(make_stage())
    next_run = again()
    with pytest.raises(DatasetError, match="n2 cannot be computed"):
        next_run.save(make_stage(break_at_n2, factor=9))
    assert not next_run.exists()


class KilledWhileWriting(JSONPartitionsDataset):
    @staticmethod
    def write(path, value):
        if path.name.startswith("n2"):
            path.write_text(json.dumps(value)[:5])
            os.kill(os.getpid(), signal.SIGKILL)
        JSONPartitionsDataset.write(path, value)


def test_a_kill_in_the_middle_of_writing_leaves_nothing_half_done(again, tmp_path):
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_class_partitions as here\n"
        f"here.KilledWhileWriting(filepath={str(tmp_path / 'values')!r}).save(here.make_stage())\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert set(contents(tmp_path / "values")) == {"n3.json", "n1.json"}
    assert list((tmp_path / "values.manifest/.work").glob("n2-*.json"))
    resumed = again()
    with pytest.raises(DatasetError, match="expected a complete"):
        resumed.load()
    before = times(tmp_path / "values")
    resumed.save(make_stage())
    assert resumed.last_save.computed == 2
    after = times(tmp_path / "values")
    assert {name: after[name] for name in before} == before
    uninterrupted = JSONPartitionsDataset(filepath=str(tmp_path / "uninterrupted"))
    uninterrupted.save(make_stage())
    assert contents(tmp_path / "values") == contents(tmp_path / "uninterrupted")
    assert {name: one.fingerprint for name, one in resumed.load().items()} == {
        name: one.fingerprint for name, one in uninterrupted.load().items()
    }


@contextmanager
def files_of_at_most(size):
    """Have the system refuse to make a file larger, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_partition_that_cannot_be_written_is_named_and_does_not_count(again, tmp_path):
    dataset = again()
    stage = make_stage(enlarge, wnids=["n", "nnn"])
    message = f"{tmp_path}/values/nnn.json could not be written: File too large"
    with files_of_at_most(2 * BIG), pytest.raises(DatasetError, match=message) as at:
        dataset.save(stage)
    assert "finished partitions are kept" in str(at.value)
    assert isinstance(at.value.__cause__, OSError)
    assert at.value.__cause__.errno == errno.EFBIG
    assert set(contents(tmp_path / "values")) == {"n.json"}
    assert set(contents(tmp_path / "values.manifest")) == {".lock", "n.json"}
    assert not dataset.exists()
    next_run = again()
    next_run.save(stage)
    assert next_run.last_save.computed == 1
    assert next_run.load()["nnn"].load() == {"text": "nnn" * BIG}


def test_a_value_that_got_too_large_does_not_replace_the_old_one_by_half(again, tmp_path):
    again().save(make_stage(wnids=["nnn"]))
    before = contents(tmp_path / "values")
    with files_of_at_most(BIG), pytest.raises(DatasetError, match="could not be written"):
        again().save(make_stage(enlarge, wnids=["nnn"]))
    assert contents(tmp_path / "values") == before
    resumed = again()
    resumed.save(make_stage(wnids=["nnn"]))
    assert resumed.last_save.skipped == 1


@pytest.mark.parametrize(
    ("kind", "function"), [(JSONPartitionsDataset, enlarge), (ImagePartitionsDataset, paint)]
)
def test_a_full_disk_is_called_so_and_what_fits_is_kept(kind, function, small_disk, fill):
    stage = make_stage(function, wnids=["n", "nn"])
    dataset = kind(filepath=str(small_disk / "values"))
    dataset.save(replace(stage, tasks={"n": stage.tasks["n"]}))
    kept = contents(small_disk / "values")
    filler = fill(small_disk)
    message = f"{small_disk}/values/nn.* could not be written: No space left on device; free some"
    with pytest.raises(DatasetError, match=message):
        dataset.save(stage)
    assert not dataset.exists()
    assert contents(small_disk / "values") == kept
    filler.unlink()
    dataset.save(stage)
    assert dataset.last_save.skipped == 1
    assert list(dataset.load()) == ["n", "nn"]


@pytest.mark.parametrize("kind", [JSONPartitionsDataset, TensorPartitionsDataset])
def test_an_unreadable_partition_is_named(kind, tmp_path):
    path = tmp_path / f"n1{kind.suffix}"
    path.write_bytes(b'{"cut o')
    with pytest.raises(ValueError, match=rf"^{path}: (not a readable|expected a value in JSON)"):
        kind.read(path)


def test_what_is_read_is_what_was_written(dataset, again, tmp_path):
    dataset.save(make_stage())
    path = tmp_path / "values/n2.json"
    text = path.read_bytes()
    path.write_bytes(text.replace(b"9", b"8"))
    assert text != path.read_bytes()
    changed = again().load()["n2"]
    with pytest.raises(DatasetError, match=r"values/n2\.json: expected the file as it was made"):
        changed.load()
    # Nothing is made from it; what makes it makes it again.
    further = JSONPartitionsDataset(filepath=str(tmp_path / "further"))
    stage = Stage(pass_on, {"n2": Task({"source": changed})}, None)
    with pytest.raises(DatasetError, match="expected the file as it was made"):
        further.save(stage)
    assert not list(tmp_path.glob("further/*"))
    again().save(make_stage())
    assert path.read_bytes() == text
    further.save(stage)
    path.unlink()
    with pytest.raises(DatasetError, match=r"expected the file as it was made, No such file"):
        changed.load()


def test_what_looks_as_it_was_made_is_not_read_again_to_be_sure(dataset, again, monkeypatch):
    dataset.save(make_stage())
    read = []
    monkeypatch.setattr(
        partition_files, "file_digest", lambda paths: read.append(paths) or file_digest(paths)
    )
    run = again()
    run.save(make_stage())
    partitions = run.load()
    assert run.last_save.skipped == len(WNIDS)
    assert not read
    partitions["n2"].load()
    assert [paths[0].name for paths in read] == ["n2.json"]


def test_what_looks_otherwise_but_is_the_same_is_read_and_stays(dataset, again, tmp_path):
    dataset.save(make_stage())
    os.utime(tmp_path / "values/n2.json", (1, 1))
    run = again()
    run.save(make_stage())
    assert run.last_save.skipped == len(WNIDS)
    assert run.load()["n2"].load() == {"scaled": 2 * 2 + 5}


def test_a_file_of_the_same_size_and_another_time_is_known_as_another(dataset, again, tmp_path):
    dataset.save(make_stage())
    path = tmp_path / "values/n2.json"
    path.write_bytes(path.read_bytes().replace(b"9", b"8"))
    os.utime(path, (1, 1))
    run = again()
    run.save(make_stage())
    assert (run.last_save.computed, run.last_save.skipped) == (1, len(WNIDS) - 1)


def test_who_reads_is_never_given_what_another_run_has_made_since(dataset, again):
    dataset.save(make_stage())
    before = again().load()
    assert before["n2"].load() == {"scaled": 2 * 2 + 5}
    again().save(make_stage(factor=9))
    with pytest.raises(DatasetError, match="as it was made, it has changed"):
        before["n2"].load()


def test_workers_in_other_processes_make_the_same_files(dataset, tmp_path):
    dataset.save(make_stage())
    parallel = JSONPartitionsDataset(filepath=str(tmp_path / "parallel"), workers=2)
    parallel.save(make_stage())
    assert parallel.last_save.computed == 4
    assert contents(tmp_path / "parallel") == contents(tmp_path / "values")
    assert list(parallel.load()) == WNIDS
    resumed = JSONPartitionsDataset(filepath=str(tmp_path / "parallel"))
    resumed.save(make_stage())
    assert resumed.last_save.computed == 0
    with pytest.raises(DatasetError, match="n2 cannot be computed"):
        parallel.save(make_stage(break_at_n2, factor=9))
    assert not parallel.exists()


def tell(batch, settings):
    logging.getLogger("mgd3_kedro.somewhere").info("at work on %s", *batch)
    logging.getLogger("mgd3_kedro.somewhere").debug("in detail")
    return scale(batch, settings)


def test_this_process_says_what_workers_say_and_how_far_they_are(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="mgd3_kedro"):
        parallel = JSONPartitionsDataset(filepath=str(tmp_path / "values"), workers=2)
        parallel.save(make_stage(tell))
    assert {f"at work on {wnid}" for wnid in WNIDS} <= {*caplog.messages}
    assert "in detail" not in caplog.messages
    heard = [told for one in caplog.records if (told := read_progress(one))]
    assert [(one.done, one.total) for one in heard if one.phase == "values"] == [
        (done, len(WNIDS)) for done in range(len(WNIDS) + 1)
    ]
    assert {one.process for one in caplog.records} == {os.getpid()}


def test_partitions_of_another_stage_stay_where_they_may_be_asked_for_again(again):
    all_of_them, one = again(selection="all"), again(selection="n2")
    all_of_them.save(make_stage())
    one.save(make_stage(wnids=["n2"]))
    assert one.last_save.computed == 0
    assert list(one.load()) == ["n2"]
    next_run = again(selection="all")
    assert list(next_run.load()) == WNIDS
    next_run.save(make_stage())
    assert next_run.last_save.computed == 0


def test_what_another_selection_consists_of_is_never_read(again, tmp_path):
    again(selection="all").save(make_stage())
    other = again(selection="n2")
    assert not other.exists()
    assert not again().exists()
    with pytest.raises(DatasetError, match=r"expected a complete .* found 4 finished partitions"):
        other.load()
    assert len(list((tmp_path / "values.manifest").glob("complete-*"))) == 1


def test_a_selection_is_complete_while_all_its_partitions_are_there(again, tmp_path):
    again(selection="all").save(make_stage())
    with pytest.raises(DatasetError, match="n2 cannot be computed"):
        again(selection="n2").save(make_stage(break_at_n2, wnids=["n2"]))
    assert list(again(selection="all").load()) == WNIDS
    (tmp_path / "values.manifest/n2.json").unlink()
    assert not again(selection="all").exists()


def test_where_no_others_stay_no_selection_does(again, tmp_path):
    again(selection="all").save(make_stage(wnids=["n1", "n2", "complete-n"]))
    alone = again()
    alone.save(make_stage(wnids=["n2", "complete-n"]))
    assert alone.last_save.computed == 0
    assert not again(selection="all").exists()
    assert list(alone.load()) == ["n2", "complete-n"]
    assert set(contents(tmp_path / "values")) == {"n2.json", "complete-n.json"}


def test_runs_that_ask_for_other_partitions_at_once_read_their_own(again):
    started = threading.Event()
    _, compute = make_slow(started)
    first, second = again(selection="n1, n3"), again(selection="n2")
    stage = make_stage(compute, wnids=["n3", "n1"])
    thread = threading.Thread(target=first.save, args=(stage,))
    thread.start()
    started.wait()
    second.save(make_stage(wnids=["n2"]))
    thread.join()
    assert list(first.load()) == ["n3", "n1"]
    assert list(second.load()) == ["n2"]


def test_a_hidden_file_beside_images_invalidates_nothing(tmp_path):
    dataset = ImagePartitionsDataset(filepath=str(tmp_path / "images"))
    stage = make_stage(paint, wnids=["n1"])
    dataset.save(stage)
    (tmp_path / "images/n1/.DS_Store").write_bytes(b"finder")
    dataset.save(stage)
    assert dataset.last_save.computed == 0
    (tmp_path / "images/n1/12.png").write_bytes(b"one too many")
    dataset.save(stage)
    assert dataset.last_save.computed == 1
    assert len(dataset.load()["n1"].load()) == 12


def test_only_kinds_that_write_and_read_can_be_datasets(tmp_path):
    with pytest.raises(TypeError, match="abstract"):
        ClassPartitionsDataset(filepath=str(tmp_path))


def make_slow(started):
    """Return a slow function that tells when it has begun, and the classes it has computed."""
    computed = []

    def compute(batch, settings):
        computed.extend(batch)
        started.set()
        time.sleep(0.05)
        return scale(batch, settings)

    return computed, compute


def at_once(first, second, started):
    """Save in another thread, and then here, once that is at work."""
    thread = threading.Thread(target=first)
    thread.start()
    started.wait()
    second()
    thread.join()


def test_two_that_keep_the_same_at_once_share_the_classes(again, tmp_path):
    started = threading.Event()
    computed, compute = make_slow(started)
    first, second = again(), again()
    stage = make_stage(compute)
    at_once(lambda: first.save(stage), lambda: second.save(stage), started)
    assert sorted(computed) == sorted(WNIDS)
    assert first.last_save.computed + second.last_save.computed == 4
    assert first.last_save.computed > 0 < second.last_save.computed
    assert second.last_save.skipped == 4 - second.last_save.computed
    assert second.load()["n2"].load() == first.load()["n2"].load() == {"scaled": 2 * 2 + 5}
    assert not (tmp_path / "values.manifest/.work").exists()


def test_classes_that_are_computed_together_are_not_shared(again):
    started = threading.Event()
    computed, compute = make_slow(started)
    first, second = again(), again()
    stage = make_stage(compute, group_size=4)
    at_once(lambda: first.save(stage), lambda: second.save(stage), started)
    assert computed == WNIDS
    assert (first.last_save.computed, second.last_save.computed) == (4, 0)


def test_who_makes_other_classes_in_the_same_folder_waits(again, caplog):
    caplog.set_level(logging.INFO, "mgd3_kedro")
    started = threading.Event()
    computed, compute = make_slow(started)
    first, second = again(), again()
    stages = make_stage(compute), make_stage(compute, factor=7)
    at_once(lambda: first.save(stages[0]), lambda: second.save(stages[1]), started)
    assert computed == [*WNIDS, *WNIDS]
    assert (
        "values: waiting for another process that makes other results in the same folder"
        in caplog.messages
    )
    assert second.load()["n2"].load() == {"scaled": 2 * 7 + 5}


def test_what_another_has_completed_meanwhile_is_never_taken_for_incomplete(again, monkeypatch):
    opened, reopen, shared = [], Manifest.reopen, Manifest.shared
    monkeypatch.setattr(Manifest, "reopen", lambda self: (opened.append(self), reopen(self)))
    first, late = again(), again()

    def join(manifest, purpose):
        monkeypatch.setattr(Manifest, "shared", shared)
        first.save(make_stage())
        return shared(manifest, purpose)

    monkeypatch.setattr(Manifest, "shared", join)
    late.save(make_stage())
    # Opened again, the classes would be hidden from the one that goes on to read them.
    assert len(opened) == 1
    assert (first.last_save.computed, late.last_save.skipped) == (4, 4)


def test_a_process_that_was_killed_keeps_no_other_from_going_on(again, tmp_path):
    code = (
        "import os, sys; from filelock import FileLock; "
        "FileLock(sys.argv[1]).acquire(); print('held', flush=True); os.kill(os.getpid(), 9)"
    )
    (tmp_path / "values.manifest").mkdir()
    lock = tmp_path / "values.manifest/.lock"
    killed = subprocess.run([sys.executable, "-c", code, lock], capture_output=True, check=False)
    assert (killed.stdout, killed.returncode) == (b"held\n", -9)
    dataset = again()
    dataset.save(make_stage())
    assert dataset.last_save.computed == 4


def test_what_a_process_that_was_killed_at_its_end_has_left_goes(again, tmp_path):
    again().save(make_stage())
    work = tmp_path / "values.manifest/.work"
    (work / "claims").mkdir(parents=True)
    (work / "purpose-of-the-dead.lock").touch()
    same = again()
    same.save(make_stage())
    assert (same.last_save.skipped, work.exists()) == (4, False)


def test_what_a_process_at_work_has_there_stays(again, tmp_path):
    again().save(make_stage())
    work = tmp_path / "values.manifest/.work"
    work.mkdir()
    with FileLock(work / "purpose-of-another.lock"):
        again().save(make_stage())
        assert work.exists()


def test_what_is_complete_is_read_where_nothing_can_be_written(again, tmp_path):
    again().save(make_stage())
    lock = tmp_path / "values.manifest/.lock"
    lock.unlink()
    lock.mkdir()  # no lock can be taken here, whoever runs this
    same = again()
    same.save(make_stage())
    assert same.last_save.skipped == 4
    with pytest.raises(DatasetError, match=r"values\.manifest/\.lock could not be written"):
        again().save(make_stage(factor=3))
