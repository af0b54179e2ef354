import pytest

from mgd3_kedro.datasets.pages import PagesDataset


@pytest.fixture
def pages(tmp_path):
    (tmp_path / "docs").mkdir()
    for name, text in {"README.md": "one\r\n", "docs/a.md": "λ\n", "docs/b.txt": "no"}.items():
        (tmp_path / name).write_bytes(text.encode())
    return PagesDataset(files=["README.md", "docs/*.md"], root=str(tmp_path))


def test_pages_are_read_as_they_are_by_their_names(pages):
    assert pages.load() == {"README.md": "one\r\n", "docs/a.md": "λ\n"}
    assert pages.exists()


def test_only_a_page_that_changed_is_written(pages, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    pages.save({"README.md": "one\r\n", "docs/a.md": "μ\r\n"})
    assert pages.load() == {"README.md": "one\r\n", "docs/a.md": "μ\r\n"}
    changed = [path for path, then in before.items() if path.stat().st_mtime_ns != then]
    assert changed == [tmp_path / "docs/a.md"]
