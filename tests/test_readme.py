"""The README's figures are those of the committed rows."""

from pathlib import Path

import pandas as pd
import pytest

from mgd3_kedro.pipelines.compare.nodes import tabulate_rows
from mgd3_kedro.records import ROW_COLUMNS

ROOT = Path(__file__).resolve().parents[1]
ROWS = sorted((ROOT / "docs/results").glob("*_ipc[0-9]*.csv"))
MNIST = ROOT / "docs/results/mnist_rows.csv"
EQUAL_LENGTH = "250 epochs"
ACCURACIES = ("top1_last", "top1_best")
NETWORKS_VARIANT = "-networks"
TABLES = [path for path in ROWS if not path.stem.endswith("_table")]


def line_of(row):
    last = f"{row.top1_last_mean:.1f} ± {row.top1_last_std:.1f}"
    best = f"{row.top1_best_mean:.1f} ± {row.top1_best_std:.1f}"
    return f"| `{row.method}` | {last} | {best} | {row.trainings} |"


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_line_of_the_table_is_the_mean_of_committed_rows(path):
    text = (ROOT / "README.md").read_text()
    for row in tabulate_rows(pd.read_csv(path)).itertuples():
        assert line_of(row) in text


def row_means(rows):
    return f"{rows['top1_last'].mean():.1f} ± {rows['top1_last'].std(ddof=0):.1f}"


def test_every_protocol_of_the_table_is_the_mean_of_committed_rows():
    text = (ROOT / "README.md").read_text()
    rows = pd.read_csv(MNIST)
    labels = rows[rows["preset"] == EQUAL_LENGTH]
    assert {"hard", "soft"} <= set(labels["protocol"])
    for protocol, of_protocol in labels.groupby("protocol"):
        assert of_protocol["seed"].is_unique
        assert f"| `{protocol}` | {row_means(of_protocol)} | {len(of_protocol)} |" in text


def test_every_method_of_the_table_is_the_mean_of_committed_rows():
    text = (ROOT / "README.md").read_text()
    rows = pd.read_csv(MNIST)
    rows = rows[(rows["preset"] == "short") & (rows["ipc"] == 10) & rows["variant"].isna()]
    assert rows["method"].nunique() == 12
    for method, of in rows.groupby("method"):
        assert of["seed"].is_unique
        last, best = (f"{of[k].mean():.1f} ± {of[k].std(ddof=0):.1f}" for k in ACCURACIES)
        assert f"| `{method}` | {last} | {best} |\n" in text


def test_every_network_of_the_table_is_a_pair_of_committed_rows():
    text = (ROOT / "README.md").read_text()
    rows = pd.read_csv(MNIST)
    rows = rows[rows["variant"] == NETWORKS_VARIANT]
    assert set(rows["image_steps"]) == {4000}
    tops = rows.pivot(index="network", columns="method", values="top1_last")
    assert len(tops) == 9
    for network, of in tops.iterrows():
        assert f"| `{network}` | {of['mgd3']:.1f} | {of['full']:.1f} |" in text


def test_what_is_said_of_the_stop_step_are_means_of_committed_rows():
    text = " ".join((ROOT / "README.md").read_text().split())
    rows = pd.read_csv(ROOT / "docs/results/mnist_stop.csv")
    assert set(rows["preset"]) == {"quick"}
    of_steps = rows.groupby("stop_guidance_step")
    assert set(of_steps.size()) == {3}
    tops = of_steps["top1_last"].mean()
    without, half, all_along = (f"{tops[step]:.1f}" for step in (50, 25, 0))
    assert f"from {without} without (t_SG 50) over {half} (25) to {all_along} to the end" in text
    assert of_steps["diversity"].mean().idxmax() == 25


def test_the_hits_of_the_mixture_are_those_of_the_committed_rows():
    text = " ".join((ROOT / "README.md").read_text().split())
    rows = pd.read_csv(ROOT / "docs/results/mixture_samples.csv")
    hits = {kind: of["hit"].value_counts(sort=False) for kind, of in rows.groupby("kind")}
    unguided = [str(hits["unguided"][mode]) for mode in range(4)]
    assert f"the modes are hit {', '.join(unguided[:3])} and {unguided[3]} times" in text
    assert set(hits["guided"]) == {50}
    for kind in ("unguided", "guided"):
        of_kind = rows.loc[rows["kind"] == kind, "deviation"]
        assert f"{(of_kind**2).mean() ** 0.5 / 0.25:.2f} of the true spread in both" in text


def test_there_are_committed_rows_with_the_agreed_columns_one_training_each():
    assert TABLES
    for path in TABLES:
        rows = pd.read_csv(path)
        assert tuple(rows.columns[: len(ROW_COLUMNS)]) == ROW_COLUMNS
        assert not rows.duplicated(["method", "network", "seed", "training_seed"]).any()
        assert rows["preset"].nunique() == 1


def test_the_table_of_speeds_is_that_of_the_committed_rows():
    text = (ROOT / "README.md").read_text()
    rows = pd.read_csv(ROOT / "docs/results/speed.csv")
    of_cpu = rows[rows["machine"].str.contains("cores")].set_index("name")["ratio_median"]
    small = ("sampling_small", "sampling_small_compile", "sampling_small_bf16_compile")
    line = " | ".join(f"{of_cpu[name]:.1f} x" for name in small)
    assert f"| 16 tokens (the digits' prior) | {line} |" in text
    eager, reduced = (f"{of_cpu[name]:.1f} x" for name in ("sampling_s2", "sampling_s2_bf16"))
    assert f"| 256 tokens (DiT-S/2) | {eager} | | {reduced} (not compiled) |" in text
