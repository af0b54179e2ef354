import re
from pathlib import Path

import pytest

from mgd3_kedro.datasets.result_tables import read_table

REPOSITORY = Path(__file__).resolve().parents[2]
HEADER = (
    "benchmark,split,image_size,ipc,method,backbone,network,protocol,preset,seed,settings,"
    "training_seed,top1_last,top1_best,code_version,outcome"
)
ROW = "mnist,test,32,10,001,dit,convnet3,hard,short,0,,0,94.4,94.9,0.2.0,finished"
DIVERGED = ROW.replace("94.4,94.9", ",").replace("finished", "diverged: nan by epoch 3")


@pytest.fixture
def table(tmp_path):
    """Write lines as a table of rows, and return its path."""

    def write(*lines, end="\n"):
        path = tmp_path / "result_rows.csv"
        path.write_text("\n".join([HEADER, *lines]) + end)
        return path

    return write


def test_rows_are_read_with_words_as_they_are_written(table):
    rows = read_table(table(ROW, DIVERGED))
    assert rows["method"].tolist() == ["001", "001"]
    assert rows["top1_last"].isna().tolist() == [False, True]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "docs/results").rglob("*.csv")), ids=str)
def test_committed_tables_are_whole(path):
    assert len(read_table(path))


def test_a_table_that_was_cut_anywhere_is_refused_in_one_line_with_its_name(table):
    path = table(ROW, ROW.replace(",0,94.4", ",1,94.4"))
    whole = path.read_text()
    # But where a line ends, which is a table of fewer rows.
    ends = {place + 1 for place, sign in enumerate(whole) if sign == "\n"}
    for length in {*range(0, len(whole), 5), *range(len(whole) - 30, len(whole))} - ends:
        path.write_text(whole[:length])
        message = f"^{re.escape(str(path))}: expected a table of results, "
        with pytest.raises(ValueError, match=message) as error:
            read_table(path)
        assert "\n" not in str(error.value)


def test_a_table_without_a_row_is_refused(table):
    with pytest.raises(ValueError, match="got a table without rows"):
        read_table(table())


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("94.4,", "nan,", "got top1_last nan in row 2"),
        ("94.9,", ",", "got top1_best nan in row 2"),
        ("94.4,", "101.5,", "got top1_last 101.5 in row 2"),
        ("94.4,", "-1,", "got top1_last -1.0 in row 2"),
        ("94.4,", "inf,", "got top1_last inf in row 2"),
        ("94.4,", "good,", "got top1_last 'good' in row 2"),
        ("convnet3", "", "got network nan in row 2, where a name is expected"),
        (",short,0,", ",short,,", "got seed nan in row 2, where a whole number is expected"),
        (",32,10,", ",32,1.5,", "got ipc 1.5 in row 2"),
        ("94.4,94.9,0.2.0,finished", "94.4", "got 13 of 16 values in line 3"),
        ("finished", "finished,more", "got 17 of 16 values in line 3"),
    ],
)
def test_a_row_that_is_no_result_is_told_by_its_line_and_what_is_wrong(before, after, told, table):
    assert ROW.count(before) == 1
    path = table(ROW, ROW.replace(before, after))
    with pytest.raises(ValueError, match=re.escape(told)) as error:
        read_table(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("column", ["benchmark", "top1_best", "seed"])
def test_rows_without_a_key_or_an_accuracy_are_refused(column, table):
    path = table(ROW)
    path.write_text(path.read_text().replace(column, "other", 1))
    with pytest.raises(ValueError, match=f"got a table without a column {column}"):
        read_table(path)


def test_other_tables_are_taken_as_people_write_them(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("\ufeffbenchmark,method,top1\nmnist,dm,97.5\n\nmnist,mtt,", encoding="utf-8")
    assert read_table(path)["method"].tolist() == ["dm", "mtt"]


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"a,b\n1," + b"x" * 200_000], ids=["bytes", "a line without end"]
)
def test_what_is_no_table_is_named(content, tmp_path):
    path = tmp_path / "published.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"published\.csv: expected a table of results"):
        read_table(path)
