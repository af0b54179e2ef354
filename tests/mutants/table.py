"""The faults, and how one is put in."""

import ast
import hashlib
from dataclasses import dataclass
from pathlib import Path

FAULTS = Path(__file__).with_name("faults.txt")
PACKAGE = Path("src/mgd3_kedro")


@dataclass(frozen=True)
class Fault:
    """A text of a file, and what takes its place.

    Args:
        file: Of the package.
        kind: Of the fault, in a word or two.
        old: Text that is there once.
        new: What takes its place.
    """

    file: str
    kind: str
    old: str
    new: str

    def put_into(self, source: str) -> str:
        """Return the source of the file with the fault.

        Raises:
            ValueError: If the text is not there once.
        """
        if (count := source.count(self.old)) != 1:
            raise ValueError(f"{self.file}: expected {self.old!r} once, got it {count} times")
        return source.replace(self.old, self.new)

    def digest(self, source: str) -> str:
        """Return what stays as long as the fault and the code around it do."""
        code = _code_of(source)
        return hashlib.sha256("\0".join((code, self.old, self.new)).encode()).hexdigest()[:12]


def _code_of(source: str) -> str:
    """Return a source without comments and docstrings, which no test sees."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            kept = [one for one in body if not _is_text(one)]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    # Not from the package: tests of a copy run in forks of this process, which import their own.
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def read_faults(path: Path = FAULTS) -> list[Fault]:
    """Return the faults of a table.

    Raises:
        ValueError: If a line is none of the table's.
    """
    faults, file = [], ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            file = line.strip("[]")
            continue
        kind, colon, texts = line.partition(": ")
        old, arrow, new = texts.partition(" => ")
        if not (file and colon and arrow):
            raise ValueError(f"{path.name}: expected 'kind: old => new', got line {number}: {line}")
        faults.append(Fault(file, kind, old.replace("\\n", "\n"), new.replace("\\n", "\n")))
    return faults
