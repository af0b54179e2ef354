import pytest

from mgd3_kedro.datasets.image_descriptions import Described
from mgd3_kedro.datasets.image_index import ClassIndex

RECORDS = [{"file": "a.png", "digest": "d"}, {"file": "b.png", "error": "cut"}]


@pytest.fixture
def index(tmp_path):
    index = ClassIndex(tmp_path / "deep/n1.json", "listing")
    index.write(Described(RECORDS, b"looks", plain=True))
    return index


def test_what_was_written_is_read(index):
    kept = index.read()
    assert (kept.records, kept.looks) == (RECORDS, b"looks")
    assert [path.name for path in index.path.parent.iterdir()] == ["n1.json"]
    assert ClassIndex(index.path, "another listing").read() is None


def test_an_index_that_was_cut_anywhere_is_made_anew(index):
    whole = index.path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        index.path.write_bytes(whole[:length])
        assert index.read() is None, length


@pytest.mark.parametrize("content", ["null", "[]", "{}", '"text"', "0"])
def test_one_that_is_something_else_is_made_anew(content, index):
    index.path.write_text(content)
    assert index.read() is None


@pytest.mark.parametrize("records", ["null", "[1]", "[{}]", '{"a": 1}', '[{"file": "a"}]'])
def test_one_with_other_records_is_made_anew(records, index):
    whole = index.path.read_text()
    start = whole.index('"images": ') + len('"images": ')
    index.path.write_text(f"{whole[:start]}{records}}}")
    assert index.read() is None
