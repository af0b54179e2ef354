"""Tables of a comparison, read back from Markdown and LaTeX."""

import re

import pandas as pd
import pytest

from mgd3_kedro.metrics.comparison import CompareConfig
from mgd3_kedro.pipelines.compare.layout import Cell, Line, Table
from mgd3_kedro.pipelines.compare.nodes import compare_methods, write_tables
from mgd3_kedro.pipelines.compare.page import write_comparison_page
from mgd3_kedro.pipelines.compare.writing import escape_latex, write_latex, write_markdown
from mgd3_kedro.result_columns import RUN_KEYS, SETTINGS

CONFIG = CompareConfig("top1_best", 0.95, 200, 0, 0.5, 0.5, "hard", "hard_plain", "mgd3")
SAME = {
    **dict.fromkeys(RUN_KEYS),
    **dict.fromkeys(SETTINGS, ""),
    "benchmark": "im_ten",
    "split": "test",
    "image_size": 224,
    "network": "resnet_ap10",
    "protocol": "hard",
    "preset": "paper",
    "backbone": "dit",
}


def make_rows(name, best, ipc, **changes):
    return [
        {**SAME, "method": name, "ipc": ipc, "seed": seed, "training_seed": seed}
        | {"top1_last": value - 1, "top1_best": value}
        | changes
        for seed, value in enumerate(best)
    ]


def write(rows, published=(), config=CONFIG):
    tables = {"some": lambda: pd.DataFrame(published)} if published else {}
    return write_tables(compare_methods(pd.DataFrame(rows), tables, config, "test"), config)


def parse_markdown(text):
    """Return {caption: {line: {column: cell}}} of a document."""
    tables = {}
    for caption, body in re.findall(r"^([^|\n-].*)\n\n((?:\|.*\n)+)", text, flags=re.MULTILINE):
        head, rule, *rows = (
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in body.splitlines()
        )
        assert set(rule) == {"---"}
        assert {len(row) for row in rows} == {len(head)}
        tables[caption] = {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
    return tables


def parse_latex(text):
    """Return {caption: {line: cells}}, after checking that everything that opens is closed."""
    open_environments = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_environments.append(name)
        else:
            assert open_environments.pop() == name
    assert not open_environments
    bare = re.sub(r"\\[\\{}%&$#_]", "", text.partition("\n")[2])
    depth = 0
    for sign in bare:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert not re.search(r"[%#_^~]", bare)
    assert bare.isascii()
    tables = {}
    for block in text.split("\\begin{table}")[1:]:
        caption = re.search(r"\\caption\{(.*)\}", block)[1]
        columns = re.search(r"\\begin\{tabular\}\{l(c+)\}", block)[1]
        rows = [
            re.split(r"(?<!\\)&", line.strip().removesuffix("\\\\"))
            for line in block.splitlines()
            if line.endswith("\\\\")
        ]
        assert {len(row) for row in rows} == {len(columns) + 1}
        tables[caption] = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows[1:]}
    return tables


@pytest.fixture
def rows():
    return [
        *make_rows("mgd3", [66.0, 67.0], 10),
        *make_rows("mgd3", [80.0, 80.5], 50),
        *make_rows("random", [54.0, 55.0], 10),
        *make_rows("kmeans_closest", [90.0], 50),
        *make_rows("full", [94.0, 94.4], 963),
    ]


def test_methods_are_lines_and_ipc_columns_and_markdown_reads_back_the_same_numbers(rows):
    (table,) = parse_markdown(write(rows)[0]).values()
    assert table == {
        "random": {"ipc 10": "54.5 ± 0.5 (53.5)", "ipc 50": "–"},
        "mgd3": {"ipc 10": "**66.5 ± 0.5** (65.5)", "ipc 50": "80.2 ± 0.2 (79.2)"},
        # Best at 50, of a single training: neither has a deviation or anything bold.
        "kmeans_closest": {"ipc 10": "–", "ipc 50": "90.0 (89.0)"},
        "full (upper bound)": dict.fromkeys(("ipc 10", "ipc 50"), "94.2 ± 0.2 (93.2)"),
    }
    assert list(table) == ["random", "mgd3", "kmeans_closest", "full (upper bound)"]


def test_latex_has_the_same_numbers_and_can_be_set(rows):
    latex = write(rows)[1]
    (table,) = parse_latex(latex).values()
    assert table == {
        "random": [r"$54.5 \pm 0.5$ (53.5)", "--"],
        "mgd3": [r"$\mathbf{66.5 \pm 0.5}$ (65.5)", r"$80.2 \pm 0.2$ (79.2)"],
        r"kmeans\_closest": ["--", "$90.0$ (89.0)"],
        "full (upper bound)": [r"$94.2 \pm 0.2$ (93.2)"] * 2,
    }
    assert latex.startswith("% needs \\usepackage{booktabs}\n")
    assert latex.count("\\midrule") == 2
    assert "\\label{tab:im-ten-test-224-resnet-ap10-hard-paper}" in latex


def test_the_caption_says_what_was_measured(rows):
    (caption,) = parse_markdown(write(rows)[0])
    assert caption == (
        "im_ten, test split, resnet_ap10 at 224 px, protocol hard, preset paper: top1_best in "
        "percent, mean ± population standard deviation over 1 to 2 trainings on 1 to 2 data sets; "
        "in brackets the mean of top1_last; bold: not separated from the best by the 95 % "
        "bootstrap interval of the difference."
    )
    (caption,) = parse_latex(write(rows)[1])
    assert r"top1\_best in percent, mean $\pm$ population" in caption
    assert r"the 95 \% bootstrap" in caption


def test_the_headline_is_what_is_shown(rows):
    last = CompareConfig("top1_last", 0.95, 200, 0, 0.5, 0.5, "hard", "hard_plain", "mgd3")
    ((caption, table),) = parse_markdown(write(rows, config=last)[0]).items()
    assert "top1_last in percent" in caption
    assert table["mgd3"]["ipc 10"] == "**65.5 ± 0.5** (66.5)"


@pytest.mark.parametrize(
    ("key", "other"),
    [("image_size", 128), ("network", "vgg11"), ("protocol", "soft"), ("preset", "short")],
)
def test_what_cannot_be_compared_is_in_tables_of_its_own(key, other):
    rows = [*make_rows("a", [60.0], 10), *make_rows("a", [70.0], 10, **{key: other})]
    markdown, latex = write(rows)
    found = parse_markdown(markdown)
    assert sorted(table["a"]["ipc 10"] for table in found.values()) == [
        "60.0 (59.0)",
        "70.0 (69.0)",
    ]
    assert len(parse_latex(latex)) == 2


def test_tables_with_most_lines_come_first():
    rows = [
        *make_rows("a", [60.0], 10, network="alexnet"),
        *make_rows("a", [70.0], 10),
        *make_rows("b", [80.0], 10),
    ]
    assert [len(table) for table in parse_markdown(write(rows)[0]).values()] == [2, 1]


def test_lines_of_one_name_are_told_apart_by_what_differs():
    rows = [
        *make_rows("mgd3", [60.0], 10, settings="epochs=9"),
        *make_rows("mgd3", [61.0], 10, settings="mode_guidance_scale=0.25 epochs=9"),
        *make_rows("d4m", [62.0], 10, backbone="ldm"),
        *make_rows("d4m", [63.0], 10, configuration="12e4"),
        *make_rows("d4m", [64.0], 10),
        *make_rows("random", [65.0], 10, settings="label=b"),
    ]
    (table,) = parse_markdown(write(rows)[0]).values()
    assert list(table) == [
        "mgd3",
        "mgd3 (mode_guidance_scale=0.25)",
        "d4m (backbone=ldm, configuration=unknown)",
        "d4m (backbone=dit, configuration=12e4)",
        "d4m (backbone=dit, configuration=unknown)",
        "random",
    ]


def make_published(name, top1, ipc, std=1.0, **changes):
    same = {key: SAME[key] for key in ("benchmark", "image_size", "network", "protocol")}
    found = {"method": name, "ipc": ipc, "top1": top1, "std": std, "source": "Paper Table 1"}
    return {**same, "backbone": None, **found, **changes}


def test_what_is_reported_is_marked_and_below_and_never_bold(rows):
    published = [
        make_published("mgd3", 99.0, 10),
        make_published("random", 20.04, 20, std=None),
        make_published("full", 87.5, 10),
        make_published("dm", 60.8, 10, protocol="soft"),
    ]
    markdown, latex = write(rows, published)
    first, second = parse_markdown(markdown).values()
    reported = {line: cells for line, cells in first.items() if line.endswith("reported)")}
    assert list(first)[-3:] == list(reported)
    assert [line.split()[0] for line in reported] == ["full", "mgd3", "random"]
    assert reported["mgd3 (reported)"] == {"ipc 10": "99.0 ± 1.0", "ipc 20": "–", "ipc 50": "–"}
    assert reported["random (reported)"]["ipc 20"] == "20.0"
    assert set(reported["full (upper bound, reported)"].values()) == {"87.5 ± 1.0"}
    assert first["mgd3"]["ipc 10"] == "**66.5 ± 0.5** (65.5)"
    assert second == {"dm (reported)": {"ipc 10": "60.8 ± 1.0"}}
    assert markdown.count("- Reported, not measured here: Paper Table 1\n") == 2
    assert len(parse_latex(latex)) == 2


def test_reported_results_of_full_length_are_not_beside_shorter_trainings():
    rows = make_rows("mgd3", [60.0, 61.0], 10, preset="short")
    found = parse_markdown(write(rows, [make_published("mgd3", 66.4, 10)])[0])
    by_preset = {re.search(r"preset (\w+)", caption)[1]: table for caption, table in found.items()}
    assert set(by_preset["short"]) == {"mgd3"}
    assert set(by_preset["paper"]) == {"mgd3 (reported)"}


def test_what_diverged_is_told_and_has_no_number(rows):
    lost = make_rows("dm", [float("nan")] * 2, 10, outcome="diverged at step 3 of 10 %")
    markdown, latex = write([*rows, *lost])
    (table,) = parse_markdown(markdown).values()
    assert table["dm"]["ipc 10"] == "–"
    told = "seed 0, training 0: diverged at step 3 of 10 %; seed 1, training 1: diverged"
    assert f"\n- Not averaged: dm, ipc 10, {told}" in markdown
    (caption,) = parse_latex(latex)
    assert r"Not averaged: dm, ipc 10, seed 0, training 0: diverged at step 3 of 10 \%" in caption


def test_seeds_that_were_made_in_different_ways_are_no_mean():
    mixed = make_rows("dm", [50.0, 60.0, 70.0], 10)
    for row, configuration in zip(mixed, ("12e4", "12e4", "b"), strict=True):
        row["configuration"] = configuration
    (table,) = parse_markdown(write(mixed)[0]).values()
    assert {name: cells["ipc 10"] for name, cells in table.items()} == {
        "dm (configuration=12e4)": "55.0 ± 5.0 (54.0)",
        "dm (configuration=b)": "70.0 (69.0)",
    }


def test_the_whole_train_split_alone_has_its_own_column():
    (table,) = parse_markdown(write(make_rows("full", [94.0], 963))[0]).values()
    assert table == {"full (upper bound)": {"ipc 963": "94.0 (93.0)"}}


def test_a_comparison_read_back_from_its_file_gives_the_same_tables(rows, tmp_path):
    published = {"some": lambda: pd.DataFrame([make_published("random", 20.0, 20, std=None)])}
    lost = make_rows("dm", [float("nan")], 10, outcome="diverged")
    made = compare_methods(pd.DataFrame([*rows, *lost]), published, CONFIG, "test")
    made.to_csv(tmp_path / "table.csv", index=False)
    assert write_tables(pd.read_csv(tmp_path / "table.csv"), CONFIG) == write_tables(made, CONFIG)


def test_names_may_hold_any_sign():
    line = Line("a|b_c&d%e#f$g{h}i~j^k\\l<m>", (Cell("1.0", "0.5", bold=True),))
    table = Table("n", "title", "caption", (10,), ((line,),), ())
    (rows,) = parse_latex(write_latex([table])).values()
    assert list(rows.values()) == [[r"$\mathbf{1.0 \pm 0.5}$"]]
    assert escape_latex("~\\") == r"\textasciitilde{}\textbackslash{}"
    (found,) = parse_markdown(write_markdown([table])).values()
    assert next(iter(found)).replace(r"\|", "|") == line.label


def test_a_page_has_a_table_with_intervals_and_a_chart_over_images_per_class():
    rows = [
        *make_rows("mgd3 <b>", [60.0, 64.0] * 10, 10),
        *make_rows("mgd3 <b>", [70.0, 71.0], 50),
        *make_rows("random", [50.0], 10),
    ]
    made = compare_methods(pd.DataFrame(rows), {}, CONFIG, "test")
    text = write_comparison_page(made, CONFIG, "im_ten", "test")
    assert "62.0 ± 2.0" in text
    assert re.search(r"<small>61\.[01] to 6[23]\.[09]</small>", text)
    assert text.count("<small>") == 2
    assert "mgd3 &lt;b&gt;" in text
    assert text.count("data-chart=") == 1
    assert "95 % interval" in text


def test_a_page_of_one_number_of_images_needs_no_chart():
    made = compare_methods(pd.DataFrame(make_rows("random", [50.0], 10)), {}, CONFIG, "test")
    text = write_comparison_page(made, CONFIG, "im_ten", "test")
    assert "data-chart=" not in text
    assert "50.0" in text
