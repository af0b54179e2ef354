import shutil

import pandas as pd
import pytest
import yaml
from tiny_project import REPOSITORY, run

from mgd3_kedro.datasets.pages import PagesDataset
from mgd3_kedro.datasets.row_tables import RowTablesDataset
from mgd3_kedro.pipelines.write_pages.nodes import tabulate_results, write_pages

SPREAD = "{top1_last.mean:.1f} ± {top1_last.std:.1f}"
PAGE = "Before, 1.0.\r\n\n<!-- table one -->\n| old | 3 |\n<!-- end -->\nAfter | it | .\n"
ROWS = pd.DataFrame(
    [
        ("random", 10, "", 1.0, 0.25),
        ("random", 10, "", 3.0, 0.75),
        ("random", 50, "", 5.0, None),
        ("mgd3", 10, "", 6.0, None),
        ("mgd3", 10, "pool=4 mode_finder=kmeans_pooled", 7.0, None),
        ("mgd3", 10, "mode_finder=kmeans_pooled", 8.0, None),
    ],
    columns=["method", "ipc", "settings", "top1_last", "recall"],
)


def pages():
    return PagesDataset(files=["README.md", "docs/*.md"], root=str(REPOSITORY)).load()


def repository_tables():
    results = RowTablesDataset(path=str(REPOSITORY / "docs/results"), pattern="*.csv").load()
    configured = yaml.safe_load((REPOSITORY / "conf/base/pages.yml").read_text())
    return tabulate_results(configured, results)


def tabulate(**values):
    values = {"rows": "rows.csv", "corner": "m", "lines": "method", "columns": "ipc", **values}
    tables = {"cell": SPREAD, "tables": {"one": values}}
    # Empty is read as missing.
    rows = ROWS.replace({"settings": {"": None}})
    return tabulate_results(tables, {"rows.csv": lambda: rows, "b.csv": ROWS.copy})["one"]


def lines(**values):
    return [line.strip("| ") for line in tabulate(**values).splitlines()]


def test_writing_the_tables_of_the_pages_again_changes_nothing():
    assert write_pages(pages(), repository_tables()) == pages()


def test_a_figure_that_was_edited_is_put_back_by_the_command(project):
    shutil.copytree(REPOSITORY / "docs", project / "docs", ignore=shutil.ignore_patterns("figures"))
    text = pages()["README.md"]
    assert text.count("| 94.4 ± 0.7 |") == 1
    (project / "README.md").write_text(text.replace("| 94.4 ± 0.7 |", "| 99.4 ± 0.7 |"))
    run(project, "write_pages")
    assert PagesDataset(files=["README.md", "docs/*.md"], root=str(project)).load() == pages()


def test_text_outside_the_markers_is_left_as_it_is():
    written = write_pages({"a.md": PAGE, "b.md": "| no | table |"}, {"one": "| new |\n"})
    assert written == {
        "a.md": PAGE.replace("| old | 3 |", "| new |"),
        "b.md": "| no | table |",
    }


@pytest.mark.parametrize(
    ("text", "tables", "expected"),
    [
        (PAGE, {"ona": ""}, "^a.md: unknown table 'one': expected one of ona; did you mean 'ona'"),
        (PAGE, {"one": "", "two": ""}, "^table two: expected a line <!-- table two --> in a page"),
        (PAGE.replace("<!-- end -->\n", ""), {"one": ""}, "^a.md: .*<!-- end --> after table one"),
        (PAGE + PAGE.replace("<!-- end -->", "x") + PAGE, {"one": ""}, "end --> after table one"),
        ("<!-- end -->\n", {}, "^a.md: expected a line <!-- table NAME --> before <!-- end -->"),
    ],
)
def test_markers_and_tables_that_do_not_belong_together_are_refused(text, tables, expected):
    with pytest.raises(ValueError, match=expected) as refusal:
        write_pages({"a.md": text}, tables)
    assert "\n" not in str(refusal.value)


def test_lines_and_columns_are_the_values_of_the_rows_and_a_cell_may_be_empty():
    assert tabulate(where={"settings": ""}) == (
        "| m | 10 | 50 |\n|---|---|---|\n"
        "| `random` | 2.0 ± 1.0 | 5.0 ± 0.0 |\n| `mgd3` | 6.0 ± 0.0 | |\n"
    )


def test_lines_are_in_the_order_asked_for():
    top = {"columns": [{"label": "top"}], "cell": "{top1_last.mean:g}"}
    where = {"settings": "", "ipc": 10}
    assert lines(where=where, falling="top1_last", **top)[2:] == ["`mgd3` | 6", "`random` | 2"]
    where["method"] = ["mgd3", "random", "absent"]
    assert lines(where=where, **top)[2:] == ["`mgd3` | 6", "`random` | 2"]


def test_settings_are_the_words_of_table_line_and_column_together():
    pooled = {"label": "pooled", "settings": "mode_finder=kmeans_pooled"}
    columns = [{"label": "8", "settings": ""}, {"label": "4", "settings": "pool=4"}]
    plain = {"label": "plain", "method": "mgd3", "settings": ""}
    assert lines(lines=[plain, pooled], columns=columns, cell="{top1_last.mean:g}") == [
        *("m | 8 | 4", "---|---|---", "plain | 6", "pooled | 8 | 7"),
    ]
    by_words = lines(where={"method": "mgd3"}, lines="settings", labels={"": "none"})
    assert [line.split(" | ")[0] for line in by_words[2:]] == [
        *("none", "`pool=4`, `mode_finder=kmeans_pooled`", "`mode_finder=kmeans_pooled`"),
    ]


def test_a_line_or_a_column_may_have_a_cell_of_its_own():
    shares = {"label": "recall", "method": "random", "cell": "{recall.percent:.0f} %"}
    count = {"label": "n", "ipc": 10, "cell": "{top1_last.count}"}
    found = lines(lines=[shares, {"label": "n", "method": "random"}], columns=[count])
    assert found[2:] == ["recall | 50 %", "n | 2"]


def test_rows_of_several_files_differ_in_their_file():
    parts = [{"label": name, "file": name} for name in ("rows.csv", "b.csv")]
    found = lines(rows=["rows.csv", "b.csv"], columns=parts, cell="{top1_last.count}")
    assert found[2:] == ["`random` | 3 | 3", "`mgd3` | 3 | 3"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"row": 1}, "unknown key of a table 'row'.*did you mean 'rows'"),
        ({"rows": "raws.csv"}, "unknown file of rows 'raws.csv'.*did you mean 'rows.csv'"),
        ({"lines": "metod"}, "unknown column of the rows 'metod'.*did you mean 'method'"),
        ({"falling": "top"}, "unknown column of the rows 'top'"),
        ({"where": {"ipcs": 1}}, "unknown column of the rows 'ipcs'.*did you mean 'ipc'"),
        ({"lines": [{"labl": "x"}]}, "label.*expected"),
        ({"lines": [{"label": "x", "ipc": 7}]}, "x: expected rows with .*'ipc': 7.*, got none"),
        ({"trainings": 2}, "`random`, 50: expected 2 rows, got 1; select them with `where`"),
        ({"cell": "{top.mean}"}, "cell: expected COLUMN.mean, .* got {top.mean} of"),
        ({"cell": "{top1_last.low}"}, "cell: expected COLUMN.mean, .* got {top1_last.low}"),
    ],
)
def test_a_table_that_cannot_be_written_is_refused_with_its_name(values, expected):
    with pytest.raises(ValueError, match=f"^table one: .*{expected}") as refusal:
        tabulate(**values)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("columns", "mixed"),
    [
        ([{"label": "10", "ipc": 10}], "settings, got '', 'mode_finder=kmeans_pooled'"),
        ([{"label": "none", "settings": ""}], "ipc, got '10', '50'"),
    ],
)
def test_a_cell_averages_no_trainings_of_different_settings(columns, mixed):
    table = {"rows": "rows.csv", "lines": "method", "columns": columns, "cell": SPREAD}
    trainings = ROWS.assign(training_seed=0)
    with pytest.raises(ValueError, match=f"^table one: .*expected trainings of one {mixed}"):
        tabulate_results({"cell": "", "tables": {"one": table}}, {"rows.csv": trainings.copy})


def test_the_order_of_words_makes_no_other_settings_and_a_configuration_does():
    table = {"rows": "rows.csv", "lines": "method", "columns": [{"label": "all"}], "cell": SPREAD}
    trainings = pd.DataFrame(
        {"method": "mgd3", "settings": ["a=1 b=2", "b=2 a=1"], "training_seed": 0, "top1_last": 1.0}
    )
    told = {"cell": "", "tables": {"one": table}}
    assert "1.0 ± 0.0" in tabulate_results(told, {"rows.csv": trainings.copy})["one"]
    differing = trainings.assign(configuration=["f1", "f2"])
    with pytest.raises(ValueError, match="of one configuration, got 'f1', 'f2'"):
        tabulate_results(told, {"rows.csv": differing.copy})


@pytest.mark.parametrize("key", ["rows", "lines", "columns"])
def test_what_a_table_needs_is_asked_for(key):
    values = {"rows": "rows.csv", "lines": "method", "columns": "ipc"}
    del values[key]
    with pytest.raises(ValueError, match=f"table one: {key}: expected a value, got none"):
        tabulate_results({"cell": SPREAD, "tables": {"one": values}}, {"rows.csv": ROWS.copy})
