import pandas as pd
import pytest
from kedro.io import DatasetError

from mgd3_kedro.datasets.row_tables import RowTablesDataset


@pytest.fixture
def make_dataset(tmp_path):
    def make(pattern="rows.csv"):
        return RowTablesDataset(path=str(tmp_path / "all"), pattern=pattern)

    return make


def write(folder, text="x\n1\n", name="rows.csv"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_tables_of_the_name_are_found_at_any_depth_and_read_when_asked_for(make_dataset, tmp_path):
    write(tmp_path / "all/b/c", "x\n2\n")
    write(tmp_path / "all/a")
    write(tmp_path / "all/a", "other\n", name="more_rows.csv")
    found = make_dataset().load()
    assert list(found) == ["a/rows.csv", "b/c/rows.csv"]
    pd.testing.assert_frame_equal(found["b/c/rows.csv"](), pd.DataFrame({"x": [2]}))
    assert list(make_dataset("*.csv").load()) == ["a/more_rows.csv", "a/rows.csv", "b/c/rows.csv"]


def test_names_are_words_even_if_they_look_like_numbers(make_dataset, tmp_path):
    write(tmp_path / "all", "method,settings,data_set,wnid,x\nm,-1,1763647355e5,007,2\nm,,98,1,3\n")
    table = make_dataset().load()["rows.csv"]()
    assert table["settings"].tolist()[0] == "-1"
    assert table["settings"].isna().tolist() == [False, True]
    assert table["data_set"].tolist() == ["1763647355e5", "98"]
    assert table["wnid"].tolist() == ["007", "1"]
    assert table["x"].tolist() == [2, 3]


def test_there_may_be_none(make_dataset, tmp_path):
    assert make_dataset().load() == {}
    assert not make_dataset().exists()
    write(tmp_path / "all")
    assert make_dataset().exists()


def test_a_file_that_is_no_table_is_named(make_dataset, tmp_path):
    write(tmp_path / "all", "")
    load = make_dataset().load()["rows.csv"]
    with pytest.raises(DatasetError, match=r"all/rows\.csv: expected a table of results"):
        load()


def test_nothing_is_written(make_dataset):
    with pytest.raises(DatasetError, match="read only"):
        make_dataset().save({})
