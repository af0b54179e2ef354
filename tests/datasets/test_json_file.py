import pytest
from kedro.io import DatasetError

from mgd3_kedro.datasets.json_file import JSONFileDataset


@pytest.fixture
def dataset(tmp_path):
    return JSONFileDataset(filepath=str(tmp_path / "deep/a.json"))


def test_values_come_back_and_nothing_else_is_left(dataset, tmp_path):
    assert not dataset.exists()
    dataset.save({"a": [1, 2.5, None]})
    assert dataset.load() == {"a": [1, 2.5, None]}
    assert dataset.exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.json"]


def test_what_cannot_be_written_leaves_what_was_there(dataset):
    dataset.save({"a": 1})
    with pytest.raises(DatasetError):
        dataset.save({"a": object()})
    assert dataset.load() == {"a": 1}


@pytest.mark.parametrize("content", ["", '{"a": 1'])
def test_a_damaged_file_is_named_in_one_line(content, dataset, tmp_path):
    dataset.save({"a": 1})
    path = tmp_path / "deep/a.json"
    path.write_text(content)
    with pytest.raises(DatasetError) as error:
        dataset.load()
    assert str(error.value).startswith(f"{path}: expected a value in JSON, got ")
    assert "\n" not in str(error.value)
