"""Tables of a page: selection of the rows of a cell, and formatting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from mgd3_kedro.checks import lookup, unknown_name
from mgd3_kedro.metrics.comparison import GROUP_KEYS

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = "settings"
FILE = "file"
"""Column with the file of a row."""

Asked = Mapping[str, Any]
"""Column -> required value, or a list of allowed values."""


@dataclass(frozen=True)
class Summary:
    """Statistics of a column of numbers, for cell formats.

    Args:
        mean: Mean of the numbers.
        std: Population standard deviation.
        percent: 100 times the mean, for a column of shares.
        count: Number of numbers.
    """

    mean: float
    std: float
    percent: float
    count: int

    @classmethod
    def of(cls, values: pd.Series[float]) -> Summary:
        """Return the statistics of numbers."""
        mean = float(values.mean())
        return cls(mean, float(values.std(ddof=0)), 100 * mean, len(values))


@dataclass(frozen=True)
class TablePart:
    """A line or a column of a table.

    Args:
        label: Its label.
        asked: Required values of its rows.
        cell: Format of its cells; None: the format of the table.
    """

    label: str
    asked: Asked
    cell: str | None = None


@dataclass(frozen=True)
class PageTable:
    """Configuration of a table.

    A cell summarises the rows that meet the conditions of the table, of its line and of its column.
    For the column `settings`, the conditions list words; a row matches if it has exactly the union
    of these words. All trainings of a cell must have the same method and settings.

    Args:
        rows: A file of rows, or several files.
        lines: Name of a column of the rows, whose values become lines; or a list of lines, each
            with its `label`, its conditions and, if needed, its own `cell`.
        columns: The columns of the table, in the same form.
        cell: Format of a cell, such as "{top1_last.mean:.1f}": a column of numbers and a field of
            `Summary`.
        where: Conditions of the table. The order of several values is that of their lines or
            columns.
        corner: Heading of the labels of the lines.
        labels: Value -> its label, if that is not the value.
        falling: Column of the rows by whose mean lines are sorted, the largest first, with the rows
            of the table's first column; None: the order of the rows.
        trainings: Required number of rows per cell; None: any number.
    """

    rows: str | Sequence[str]
    lines: str | Sequence[Mapping[str, Any]]
    columns: str | Sequence[Mapping[str, Any]]
    cell: str
    where: Asked = field(default_factory=dict)
    corner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    falling: str | None = None
    trainings: int | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> PageTable:
        """Build a table from configured values.

        Raises:
            ValueError: If a key is unknown or missing; the message names it.
        """
        known = [one.name for one in fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(unknown_name(name, known, "key of a table"))
        for name in ("rows", "lines", "columns"):
            if name not in values:
                raise ValueError(f"{name}: expected a value, got none")
        return cls(**values)


def gather(
    results: Mapping[str, Callable[[], pd.DataFrame]], files: str | Sequence[str]
) -> pd.DataFrame:
    """Return the rows of files as one table, with a column `file`.

    Args:
        results: File -> function that loads its rows.
        files: Name of a file, or several names.

    Raises:
        ValueError: If a file is unknown.
    """
    import pandas as pd

    names = [files] if isinstance(files, str) else files
    read = [lookup(results, name, "file of rows")().assign(**{FILE: name}) for name in names]
    rows = pd.concat(read, ignore_index=True)
    if SETTINGS in rows:
        # Pandas reads an empty text in a file as a missing value.
        rows[SETTINGS] = rows[SETTINGS].fillna("")
    return rows


def write_table(rows: pd.DataFrame, table: PageTable) -> str:
    """Return a table as Markdown.

    Args:
        rows: Rows of its files.
        table: Configuration of the table.

    Raises:
        ValueError: If a column is unknown, if no row matches a line, if a cell has another number
            of rows than required, or if a cell has trainings of different methods or settings.
    """
    lines, columns = (_parts(rows, table, parts) for parts in (table.lines, table.columns))
    if table.falling is not None:
        first = columns[0]
        found = {line.label: _find(rows, table, line, first) for line in lines}
        means = {label: _column(of, table.falling).mean() for label, of in found.items()}
        lines = sorted(lines, key=lambda line: means[line.label], reverse=True)
    body = []
    for line in lines:
        cells = [_write_cell(rows, table, line, column) for column in columns]
        if not any(cells):
            raise ValueError(f"{line.label}: expected rows with {dict(line.asked)}, got none")
        body.append([line.label, *cells])
    head = [table.corner, *(column.label for column in columns)]
    return "".join(
        (_write_line(head), "|---" * len(head), "|\n", *(_write_line(line) for line in body))
    )


def _parts(
    rows: pd.DataFrame, table: PageTable, parts: str | Sequence[Mapping[str, Any]]
) -> list[TablePart]:
    if isinstance(parts, str):
        allowed = table.where.get(parts)
        found = list(dict.fromkeys(_column(_select(rows, [table.where]), parts).tolist()))
        values = [one for one in allowed if one in found] if isinstance(allowed, list) else found
        return [TablePart(table.labels.get(str(one), _label(one)), {parts: one}) for one in values]
    return [
        TablePart(
            str(lookup(part, "label", "key of a line or column")),
            {key: value for key, value in part.items() if key not in ("label", "cell")},
            part.get("cell"),
        )
        for part in parts
    ]


def _label(value: Any) -> str:
    if isinstance(value, str):
        return ", ".join(f"`{word}`" for word in value.split())
    return f"{value:g}"


def _find(rows: pd.DataFrame, table: PageTable, line: TablePart, column: TablePart) -> pd.DataFrame:
    return _select(rows, [table.where, line.asked, column.asked])


def _column(rows: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name not in rows:
        raise ValueError(unknown_name(name, rows.columns, "column of the rows"))
    return rows[name]


def _select(rows: pd.DataFrame, asked: Iterable[Asked]) -> pd.DataFrame:
    words: set[str] | None = None
    for one in asked:
        for column, value in one.items():
            values = _column(rows, column)
            if column == SETTINGS:
                words = (words or set()) | set(value.split())
            else:
                rows = rows[values.isin(value if isinstance(value, list) else [value])]
    if words is not None:
        rows = rows[[set(text.split()) == words for text in rows[SETTINGS]]]
    return rows


def _write_cell(rows: pd.DataFrame, table: PageTable, line: TablePart, column: TablePart) -> str:
    found = _find(rows, table, line, column)
    if found.empty:
        return ""
    if table.trainings is not None and len(found) != table.trainings:
        raise ValueError(
            f"{line.label}, {column.label}: expected {table.trainings} rows, got {len(found)}; "
            "select them with `where`"
        )
    _refuse_mixed(found, line, column)
    cell = line.cell or column.cell or table.cell
    numbers = found.select_dtypes("number").dropna(axis="columns", how="all")
    told = {name: Summary.of(numbers[name].dropna()) for name in numbers}
    try:
        return cell.format_map(told)
    except (KeyError, AttributeError) as error:
        raise ValueError(
            "cell: expected COLUMN.mean, .std, .percent or .count of columns of numbers, got "
            f"{cell} of {line.label}, {column.label}"
        ) from error


def _refuse_mixed(found: pd.DataFrame, line: TablePart, column: TablePart) -> None:
    """Check that the trainings of a cell differ only in seeds.

    Raises:
        ValueError: If they differ in another key.
    """
    for name in GROUP_KEYS if "training_seed" in found else ():
        told = found[name].dropna() if name in found else ()
        # The order of words has no meaning.
        values = sorted({" ".join(sorted(str(value).split())) for value in told})
        if len(values) > 1:
            some = ", ".join(map(repr, values[:3]))
            raise ValueError(
                f"{line.label}, {column.label}: expected trainings of one {name}, got {some}; "
                "select one with `where`"
            )


def _write_line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells) + "\n"
