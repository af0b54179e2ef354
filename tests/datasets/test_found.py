import pytest
from kedro.io import DatasetError, MemoryDataset

from mgd3_kedro.datasets.found import FoundDataset, PeakMemoryDataset
from mgd3_kedro.datasets.json_partitions import JSONPartitionsDataset
from mgd3_kedro.stages import Made, Stage, Task


def count_words(batch, settings):
    return {name: Made(len(task.about), 1) for name, task in batch.items()}


@pytest.fixture
def kept(tmp_path):
    dataset = JSONPartitionsDataset(filepath=str(tmp_path / "words"))
    dataset.save(Stage(count_words, {"a": Task({}, "one"), "b": Task({}, "three")}, {}))
    return dataset


def test_what_is_there_is_read_and_what_is_not_is_none(tmp_path):
    entries = {
        "there": MemoryDataset([1, 2]),
        "empty": JSONPartitionsDataset(filepath=str(tmp_path)),
    }
    found = {}
    for name in ("there", "empty", "unknown"):
        dataset = FoundDataset(entry=name)
        dataset.find = entries.get
        found[name] = dataset.load()
    assert found == {"there": [1, 2], "empty": None, "unknown": None}


def test_nothing_is_found_before_a_catalog_is_named():
    assert FoundDataset(entry="there").load() is None
    assert PeakMemoryDataset(entries=["there"]).load() == {}


def test_nothing_is_written_to_what_is_found():
    with pytest.raises(DatasetError, match="read only"):
        FoundDataset(entry="there").save(1)


def test_memory_is_told_of_entries_that_are_there(kept, tmp_path):
    others = {
        "words": kept,
        "memory": MemoryDataset(1),
        "missing": JSONPartitionsDataset(filepath=str(tmp_path / "missing")),
    }
    dataset = PeakMemoryDataset(entries=[*others, "unknown"])
    dataset.find = others.get
    peaks = dataset.load()
    assert list(peaks) == ["words"]
    assert 20 < peaks["words"] < 1e6
