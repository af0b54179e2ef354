"""The commands that the pages print."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
PROGRAMS = {
    *("kedro", "mgd3-kedro", "make", "python", ".venv/bin/python", "pip", "jupyter"),
    *("cd", "ln"),
}
"""What a line of a block without a language begins with."""
FENCE = re.compile(r"^```(\w*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"""^((?:'[^']*'|"[^"]*"|[^'"#])*?)(?:\s+#.*)?$""")
FEWEST = 3
"""Words of a command in running text; one with fewer is but named."""


class Command(NamedTuple):
    """A command of a page.

    Args:
        page: Path of the page where it stands first.
        text: As it is printed, without comment.
    """

    page: str
    text: str

    @property
    def words(self):
        """Return what the program is given, its name first."""
        return shlex.split(self.text)


def read_commands(pages=PAGES):
    """Return the commands of some pages, each once, in their order.

    Raises:
        ValueError: Naming the page and the line of a block that is no command.
    """
    found = {}
    for page in pages:
        name = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
        for text in _texts(page.read_text()):
            program = next(word for word in text.split() if "=" not in word)
            if program not in PROGRAMS:
                raise ValueError(
                    f"{name}: expected a command that starts with one of "
                    f"{', '.join(sorted(PROGRAMS))}, got {text!r}; say what language the block is "
                    "in if it has none"
                )
            found.setdefault(text, Command(name, text))
    return list(found.values())


def _texts(page):
    """Yield the commands of a page, in their order."""
    place = 0
    for fence in FENCE.finditer(page):
        yield from _named(page[place : fence.start()])
        if not fence[1]:
            lines = fence[2].replace("\\\n", " ").splitlines()
            yield from (_without_comment(line) for line in lines if line.strip())
        place = fence.end()
    yield from _named(page[place:])


def _without_comment(line):
    found = COMMENT.match(line)
    # What is no command is refused as it stands.
    return (found[1] if found else line).strip()


def _named(text):
    """Yield the commands of Kedro in running text that have arguments."""
    for code in re.findall(r"`(kedro [^`]+)`", text):
        if len(shlex.split(code)) >= FEWEST:
            yield " ".join(code.split())
