"""Tables as text: Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from mgd3_kedro.pipelines.compare.layout import Cell, Line, Table

MISSING = "–"
LATEX_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    **{sign: f"\\{sign}" for sign in "_%&#${}"},
}


def write_markdown(tables: Sequence[Table]) -> str:
    """Return tables in GitHub's Markdown; each has its caption above and its notes below."""
    return "\n".join(_markdown_table(table) for table in tables)


def write_latex(tables: Sequence[Table]) -> str:
    """Return tables as LaTeX floats; they need the package booktabs."""
    return "\n".join(("% needs \\usepackage{booktabs}", *map(_latex_table, tables)))


def _markdown_table(table: Table) -> str:
    head = ("method", *(f"ipc {ipc}" for ipc in table.columns))
    lines = [line for block in table.blocks for line in block]
    rows = [head, ("---",) * len(head), *map(_markdown_row, lines)]
    body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    notes = "".join(f"- {note}\n" for note in table.notes)
    return f"{table.caption}\n\n{body}\n" + (f"\n{notes}" if notes else "")


def _markdown_row(line: Line) -> tuple[str, ...]:
    return line.label.replace("|", r"\|"), *map(_markdown_cell, line.cells)


def _markdown_cell(cell: Cell) -> str:
    text = " ± ".join(part for part in (cell.mean, cell.std) if part) or MISSING
    return (f"**{text}**" if cell.bold else text) + _in_brackets(cell)


def _latex_table(table: Table) -> str:
    head = " & ".join(("method", *(f"ipc {ipc}" for ipc in table.columns)))
    blocks = ("".join(f"    {_latex_row(line)}\n" for line in block) for block in table.blocks)
    caption = escape_latex(" ".join((table.caption, *(f"{note}." for note in table.notes))))
    label = "".join(sign if sign.isalnum() else "-" for sign in table.name)
    return (
        "\\begin{table}\n  \\centering\n"
        f"  \\caption{{{caption}}}\n  \\label{{tab:{label}}}\n"
        f"  \\begin{{tabular}}{{l{'c' * len(table.columns)}}}\n    \\toprule\n"
        f"    {head} \\\\\n    \\midrule\n"
        + "    \\midrule\n".join(blocks)
        + "    \\bottomrule\n  \\end{tabular}\n\\end{table}\n"
    )


def _latex_row(line: Line) -> str:
    return " & ".join((escape_latex(line.label), *map(_latex_cell, line.cells))) + r" \\"


def _latex_cell(cell: Cell) -> str:
    figures = r" \pm ".join(part for part in (cell.mean, cell.std) if part)
    if not figures:
        return "--"
    return (rf"$\mathbf{{{figures}}}$" if cell.bold else f"${figures}$") + _in_brackets(cell)


def _in_brackets(cell: Cell) -> str:
    return f" ({cell.beside})" if cell.beside else ""


def escape_latex(text: str) -> str:
    """Escape the special characters of LaTeX in a text."""
    return "".join(LATEX_SIGNS.get(sign, sign) for sign in text)
