"""Every command of the pages is known to `make docs-check`, or it would not be checked."""

import re

import pytest
from documented.commands import PAGES, ROOT, read_commands
from documented.extending import extend
from documented.ways import BEFORE, NOT_RUN, SERVERS, SUBSTITUTES, TESTED, find_way

COMMANDS = read_commands()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.text)
def test_it_is_known_what_becomes_of_a_command(command):
    assert find_way(command.text).detail


def test_no_entry_of_a_table_is_for_a_command_that_is_gone():
    texts = {command.text for command in COMMANDS}
    assert {*BEFORE, *SERVERS} <= texts
    for pattern in (*TESTED, *NOT_RUN):
        assert any(re.fullmatch(pattern, text) for text in texts), pattern
    for pattern in SUBSTITUTES:
        assert any(re.search(pattern, text) for text in texts), pattern


@pytest.mark.parametrize("test", sorted(set(TESTED.values())))
def test_a_test_that_does_the_same_is_there(test):
    file, _, name = test.partition("::")
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


def page_with(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    return [page]


def test_commands_are_lines_of_blocks_and_calls_of_kedro_in_running_text(tmp_path):
    page = """\
Give `kedro run --params\n  ipc=2` or `kedro run` or `--jobs 2`.

```
make test   # all of it
python -c "a # b"  # c
kedro run --params 'a=[b; c]' \\
  --env x

make test
```

```python
import kedro
```
"""
    found = [command.text for command in read_commands(page_with(tmp_path, page))]
    assert found == [
        "kedro run --params ipc=2",
        "make test",
        'python -c "a # b"',
        "kedro run --params 'a=[b; c]'    --env x",
    ]


def test_a_line_that_is_no_command_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"page.md: expected a command .* got 'import kedro'"):
        read_commands(page_with(tmp_path, "```\nimport kedro\n```\n"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("kedro run --params data=/path/to/nothing", "/path/"),
        ("kedro run --params model=...", "..."),
        ("kedro run --params model=facebook/other", "facebook/"),
        ("kedro run --params label=WORD", "WORD"),
    ],
)
def test_what_is_left_to_the_reader_wants_a_substitute(text, left):
    with pytest.raises(ValueError, match=f"expected a substitute for '{re.escape(left)}'"):
        find_way(text)


def test_the_page_on_extending_can_be_followed_to_the_letter(tmp_path):
    for part in ("docs/extending.md", "conf/base/parameters.yml", *tables()):
        path = tmp_path / part
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((ROOT / part).read_text())
    extend(tmp_path)
    for part in tables():
        compile((tmp_path / part).read_text(), part, "exec")
    assert "  centring_scale: 0\n" in (tmp_path / "conf/base/parameters.yml").read_text()
    changed = (tmp_path / "src/mgd3_kedro/modes/__init__.py").read_text()
    assert '\n    "farthest": find_farthest,\n' in changed


def tables():
    """Return the files that the page adds a line to."""
    page = (ROOT / "docs/extending.md").read_text()
    return re.findall(r"\]\(\.\./(src/\S+\.py)\):\n", page)


def test_all_pages_are_read():
    assert {page.name for page in PAGES} >= {"README.md", "CONTRIBUTING.md", "testing.md"}
