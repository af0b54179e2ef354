import pytest
from kedro.io import DatasetError, MemoryDataset

from mgd3_kedro.datasets.found import FoundDataset
from mgd3_kedro.datasets.json_partitions import JSONPartitionsDataset


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


def test_nothing_is_written_to_what_is_found():
    with pytest.raises(DatasetError, match="read only"):
        FoundDataset(entry="there").save(1)
