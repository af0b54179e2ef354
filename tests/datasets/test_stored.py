"""Partitions that a bucket keeps beside the folder of a machine."""

import functools
import importlib
import itertools
import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from kedro.io import DatasetError

from mgd3_kedro.datasets.class_partitions import SaveReport
from mgd3_kedro.datasets.given_images import GivenImagesDataset
from mgd3_kedro.datasets.image_folder import ImagePartitionsDataset
from mgd3_kedro.datasets.json_partitions import JSONPartitionsDataset
from mgd3_kedro.datasets.row_tables import RowTablesDataset
from mgd3_kedro.datasets.tensor import TensorPartitionsDataset
from mgd3_kedro.plain_errors import describe_error
from mgd3_kedro.stages import Made, Partition, Stage, Task
from mgd3_kedro.store import Store

WNIDS = ["n2", "n1", "n [3]"]
PLACE = "data/values"


@dataclass(frozen=True)
class Counting:
    images: int = 3


def number(batch, settings):
    return {
        wnid: Made(task.inputs["source"] * settings.images, settings.images)
        for wnid, task in batch.items()
    }


def tensor(batch, settings):
    made = {wnid: float(one.value) for wnid, one in number(batch, settings).items()}
    return {w: Made({"latents": torch.full((2, 2), value)}, 2) for w, value in made.items()}


def paint(batch, settings):
    made = number(batch, settings)
    size = (settings.images, 3, 4, 4)
    return {w: Made(torch.full(size, one.value, dtype=torch.uint8), 1) for w, one in made.items()}


def stage_of(function=number, *, images=3, wnids=WNIDS):
    tasks = {
        wnid: Task({"source": Partition(functools.partial(int, at), f"source {wnid}")})
        for at, wnid in enumerate(wnids, start=1)
    }
    return Stage(function, tasks, Counting(images))


def files_below(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".manifest" not in path.parts[-2]
    }


@pytest.fixture
def bucket(object_store, request):
    """Make an empty bucket, and return its address."""
    return object_store(f"values-{abs(hash(request.node.name))}")


@pytest.fixture
def machine(bucket, tmp_path):
    """Return what gives a machine's folder and data set, of an address and none before."""
    numbers = itertools.count()

    def make(kind=JSONPartitionsDataset, *, root=None, **settings):
        root = root or tmp_path / f"machine{next(numbers)}"
        store = {"url": f"{bucket}/some/where", "root": str(root)}
        return root, kind(filepath=str(root / PLACE), store=store, **settings)

    return make


def objects(bucket, root):
    """Return path from the project's folder -> content, of all that a bucket has but records."""
    store = Store(f"{bucket}/some/where", root)
    found = store.read_all(store.names(root))
    return {
        path.relative_to(root).as_posix(): content
        for path, content in found.items()
        if ".manifest" not in path.parent.name
    }


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        (JSONPartitionsDataset, number),
        (TensorPartitionsDataset, tensor),
        (ImagePartitionsDataset, paint),
    ],
)
def test_a_bucket_has_what_a_folder_alone_has_and_another_machine_reads_it(
    kind, function, machine, bucket, tmp_path
):
    alone = kind(filepath=str(tmp_path / "alone" / PLACE))
    alone.save(stage_of(function))
    root, dataset = machine(kind)
    dataset.save(stage_of(function))
    made = files_below(tmp_path / "alone")
    assert files_below(root) == made
    assert objects(bucket, root) == made
    other_root, other = machine(kind)
    assert other.exists()
    assert other.finished == 3
    loaded, expected = other.load(), alone.load()
    assert list(loaded) == WNIDS
    assert files_below(other_root) == {}
    first = loaded["n1"].load()
    assert {name.split("/")[2].split(".")[0] for name in files_below(other_root)} == {"n1"}
    value = expected["n1"].load()
    assert str(first) == str(value)
    for wnid, partition in loaded.items():
        partition.load()
        assert partition.fingerprint == expected[wnid].fingerprint
    assert files_below(other_root) == made


def test_another_machine_makes_nothing_that_is_there_and_all_that_has_changed(machine, bucket):
    machine(ImagePartitionsDataset)[1].save(stage_of(paint))
    _, same = machine(ImagePartitionsDataset)
    same.save(stage_of(paint))
    assert same.last_save == SaveReport(skipped=3)
    root, fewer = machine(ImagePartitionsDataset)
    fewer.save(stage_of(paint, images=1))
    assert fewer.last_save.computed == 3
    assert objects(bucket, root) == files_below(root)
    assert len(files_below(root)) == 3
    # The first sees what the last has made, not what is in its own folder.
    assert [part.count for part in same.load().values()] == [1, 1, 1]
    assert [len(part.load()) for part in same.load().values()] == [1, 1, 1]


def test_what_another_machine_has_made_meanwhile_is_not_made_and_stays(machine, bucket):
    root, other = machine()

    def number_last(batch, settings):
        if batch and not met:
            met.append("the other machine")
            other.save(stage)
            kept.update(Store(f"{bucket}/some/where", root).read_all(records))
        return number(batch, settings)

    met, kept, stage = [], {}, replace(stage_of(), function=number_last)
    records = [root / f"{PLACE}.manifest/{wnid}.json" for wnid in WNIDS]
    _, dataset = machine()
    dataset.save(stage)
    assert (other.last_save.computed, dataset.last_save.computed) == (3, 1)
    assert len(kept) == 3
    assert Store(f"{bucket}/some/where", root).read_all(records) == kept


def test_machines_take_classes_in_an_order_of_their_own(machine):
    wnids = [f"n{number}" for number in range(30)]
    orders = [machine()[1]._manifest.order(wnids) for _ in range(2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(wnids)


def test_what_was_finished_outlives_the_machine(machine, bucket):
    made = []

    def number_two(batch, settings):
        if len(made) == 2:
            raise ArithmeticError("power is out")
        made.extend(batch)
        return number(batch, settings)

    root, dataset = machine()
    with pytest.raises(DatasetError, match="power is out"):
        dataset.save(stage_of(number_two))
    shutil.rmtree(root)
    other_root, other = machine()
    assert not other.exists()
    assert other.finished == 2
    with pytest.raises(DatasetError, match="found 2 finished partitions"):
        other.load()
    asked = [wnid for wnid in WNIDS if wnid in made]
    other.save(stage_of(number_two, wnids=asked))
    assert other.last_save == SaveReport(skipped=2)
    assert set(objects(bucket, other_root)) == {f"{PLACE}/{wnid}.json" for wnid in asked}


def test_a_class_that_was_not_put_there_to_its_end_is_made_anew(machine, bucket):
    root, dataset = machine()
    dataset.save(stage_of())
    store = Store(f"{bucket}/some/where", root)
    # As a kill leaves it between the partition and its record.
    store.remove([root / f"{PLACE}.manifest/n1.json"])
    store.write(root / PLACE / "n1.json", b"half")
    _, other = machine()
    assert not other.exists()
    other.save(stage_of())
    assert other.last_save == SaveReport(1, 2, computing_seconds=other.last_save.computing_seconds)
    assert objects(bucket, root) == files_below(root)


@pytest.mark.parametrize("content", [None, b"999"])
def test_what_was_changed_there_is_refused_and_made_anew_by_the_next_run(content, machine, bucket):
    root, dataset = machine()
    dataset.save(stage_of())
    store, path = Store(f"{bucket}/some/where", root), root / PLACE / "n1.json"
    store.remove([path]) if content is None else store.write(path, content)
    _, other = machine()
    with pytest.raises(DatasetError, match=r"n1\.json: expected the file as it was made"):
        other.load()["n1"].load()
    other.save(stage_of())
    assert other.last_save.computed == 1
    assert other.load()["n1"].load() == dataset.load()["n1"].load() == 6


def test_what_was_made_before_there_was_a_bucket_is_put_there(machine, bucket, tmp_path):
    root = tmp_path / "before"
    JSONPartitionsDataset(filepath=str(root / PLACE)).save(stage_of())
    _, dataset = machine(root=root)
    with pytest.raises(DatasetError, match="found 3 finished partitions; run the stage that makes"):
        dataset.load()
    dataset.save(stage_of())
    assert dataset.last_save == SaveReport(skipped=3)
    assert objects(bucket, root) == files_below(root)
    _, other = machine()
    assert [part.load() for part in other.load().values()] == [3, 6, 9]


def test_classes_that_are_not_asked_for_go_unless_another_selection_wants_them(machine, bucket):
    root, dataset = machine()
    dataset.save(stage_of())
    dataset.save(stage_of(wnids=WNIDS[:1]))
    assert set(objects(bucket, root)) == {f"{PLACE}/n2.json"}
    for asked, selection in ((WNIDS[:2], "two"), (WNIDS[:1], "one")):
        machine(root=root, selection=selection)[1].save(stage_of(wnids=asked))
    assert set(objects(bucket, root)) == {f"{PLACE}/n2.json", f"{PLACE}/n1.json"}
    assert list(machine(selection="two")[1].load()) == WNIDS[:2]
    assert list(machine(selection="one")[1].load()) == WNIDS[:1]


def test_a_damaged_record_there_is_none(machine, bucket):
    root, dataset = machine()
    dataset.save(stage_of())
    store = Store(f"{bucket}/some/where", root)
    store.write(root / f"{PLACE}.manifest/n1.json", json.dumps({"content": "x"}).encode())
    _, other = machine()
    other.save(stage_of())
    assert other.last_save.computed == 1


def test_tables_are_read_as_the_bucket_has_them(bucket, tmp_path):
    store = {"url": f"{bucket}/some", "root": str(tmp_path)}
    kept = Store(**{**store, "root": tmp_path})
    kept.write(tmp_path / "data/rows/a/result_rows.csv", b"method,top1\nmgd3,90.5\n")
    kept.write(tmp_path / "data/rows/a/other.csv", b"method\nrandom\n")
    (tmp_path / "data/rows/b").mkdir(parents=True)
    (tmp_path / "data/rows/b/result_rows.csv").write_text("method,top1\nrandom,80.5\n")
    tables = RowTablesDataset(
        path=str(tmp_path / "data/rows"), pattern="result_rows.csv", store=store
    ).load()
    found = {name: read()["top1"].tolist() for name, read in tables.items()}
    assert found == {"a/result_rows.csv": [90.5], "b/result_rows.csv": [80.5]}


def test_an_object_is_removed_written_and_read_by_its_path(bucket, tmp_path):
    store, path = Store(f"{bucket}/some/where/", tmp_path), tmp_path / "a [b]" / "c"
    assert store.read(path) is None
    store.write(path, b"first")
    store.write(path, b"second")
    assert store.read(path) == b"second"
    assert store.names(tmp_path) == store.names(path.parent) == [path]
    assert store.names(tmp_path / "a") == []
    store.remove([path, tmp_path / "none"])
    assert store.names(tmp_path) == []
    assert not store.download(path, Path.unlink)


@pytest.fixture
def lose_credentials():
    """Return what removes the credentials from the environment, for this test."""
    from s3fs import S3FileSystem

    # Clients are kept with the credentials that they have found.
    with pytest.MonkeyPatch.context() as patch:

        def lose():
            patch.delenv("AWS_ACCESS_KEY_ID")
            patch.delenv("AWS_SECRET_ACCESS_KEY")
            S3FileSystem.clear_instance_cache()

        yield lose
    S3FileSystem.clear_instance_cache()


def test_a_store_that_cannot_be_written_to_is_refused_in_one_line(
    bucket, tmp_path, lose_credentials
):
    Store(bucket, tmp_path).check()
    assert Store(bucket, tmp_path).names(tmp_path) == []
    with pytest.raises(ValueError, match=r"^store s3://no-such/x: expected a bucket that is"):
        Store("s3://no-such/x", tmp_path).check()
    lose_credentials()
    with pytest.raises(ValueError, match=r"got: Unable to locate credentials; check its [^\n]+$"):
        Store(bucket, tmp_path).check()


def test_a_store_that_fails_does_not_mean_that_there_are_no_images(
    bucket, tmp_path, lose_credentials
):
    store = {"url": bucket, "root": str(tmp_path)}
    images = GivenImagesDataset(filepath=str(tmp_path / "data/images"), store=store)
    assert not images.exists()
    lose_credentials()
    with pytest.raises(DatasetError) as told:
        images.exists()
    assert describe_error(told.value).startswith(f"store {bucket}: Unable to locate credentials; ")


def test_a_library_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch):
    known = importlib.import_module("fsspec.registry")._registry
    monkeypatch.delitem(known, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mgd3_kedro\[s3\]'$"):
        Store("s3://bucket/x", tmp_path).check()


@pytest.mark.parametrize(
    "url", ["bucket/prefix", "/mnt/data", "file:///mnt/data", "s3:/a", "s3://"]
)
def test_what_is_no_address_of_a_bucket_is_refused(url, tmp_path):
    with pytest.raises(ValueError, match=r"^store: expected the address of a bucket, as s3://"):
        Store(url, tmp_path)
