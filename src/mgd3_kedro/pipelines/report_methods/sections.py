"""Sections of the page that compares all methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.durations import in_words
from mgd3_kedro.figures.trade_off_points import collect_trades, frame_trades
from mgd3_kedro.metrics.comparison import CompareConfig, compare_groups
from mgd3_kedro.pipelines.report_methods.drawing import tile_images
from mgd3_kedro.report import Section, missing
from mgd3_kedro.report.charts import chart_lines, chart_points, chart_stacks
from mgd3_kedro.report.thumbnails import LOSSLESS_SIDE, as_data_uri
from mgd3_kedro.report.wording import STAGES, in_bytes, in_percent
from mgd3_kedro.result_columns import ACCURACIES
from mgd3_kedro.stages import Partition

Tables = Mapping[str, Callable[[], pd.DataFrame]]
Images = Mapping[str, Callable[[], Mapping[str, Partition]]]

SHOWN_IMAGES = 20
MISSING = "missing"
HEADS = {"top1_last": "last epoch, %", "top1_best": "best validation, %"}
NOT_TRAINED = (
    "There is no training with these images, network, protocol and preset yet. To train, with the "
    "same --env and --params: kedro sweep --over method=..."
)


def show_table(rows: pd.DataFrame, scores: pd.DataFrame, config: CompareConfig) -> Section:
    """Return a section with accuracies and their intervals, diversity and representativeness.

    Args:
        rows: One row per training, of one network, protocol and preset.
        scores: One row per class and method.
        config: Configuration of the comparison.
    """
    title = "Accuracy"
    if rows.empty:
        return missing("accuracy", title, NOT_TRAINED)
    headline = config.headline
    (other,) = (name for name in ACCURACIES if name != headline)
    table = compare_groups(rows, config).sort_values(f"{headline}_mean", ascending=False)
    means = scores.groupby("method")[["diversity", "representativeness"]].mean()
    lines = []
    for row in table.to_dict("records"):
        of = means.loc[row["method"]] if row["method"] in means.index else None
        lines.append(
            (
                row["method"],
                in_percent(row[f"{headline}_mean"], row[f"{headline}_std"]),
                f"{row[f'{headline}_low']:.1f} to {row[f'{headline}_high']:.1f}"
                if np.isfinite(row[f"{headline}_low"])
                else "one training",
                in_percent(row[f"{other}_mean"]),
                f"{row['trainings']} on {row['data_sets']}",
                MISSING if of is None else f"{of['diversity']:.3g}",
                MISSING if of is None else f"{of['representativeness']:.3g}",
            )
        )
    head = (
        "method",
        HEADS[headline],
        f"{100 * config.confidence:.0f} % interval",
        HEADS[other],
        "trainings on data sets",
        "diversity",
        "distance to real",
    )
    lead = (
        "Mean and population standard deviation over trainings, with the bootstrap interval of the "
        "mean over data sets. Diversity is the distance of an image to the nearest other of its "
        "class, the last column that to the 50 nearest real images: small is good."
    )
    return Section("accuracy", title, lead, {"head": head, "rows": lines}, template="costs")


def show_method_images(benchmark: Benchmark, images: Images, methods: Mapping[str, Any]) -> Section:
    """Return a section with the first image of every class, one row per method.

    Small images of multi-formation are tiled to one image.

    Source: MGD3 (arXiv 2505.18963), Figure 5.
    """
    shown, size = benchmark.classes[:SHOWN_IMAGES], benchmark.image_size
    rows = []
    for method in (name for name in methods if name in images):
        of = images[method]()
        pictures = [tile_images(of[spec.wnid], size, most=1)[0] for spec in shown]
        rows.append({"name": method, "images": [as_data_uri(one.numpy()) for one in pictures]})
    names = [spec.class_name for spec in shown]
    left_out = len(benchmark.classes) - len(shown)
    return Section(
        "images",
        "Images side by side",
        "The first image of every class, of one data set of each method.",
        {"rows": rows, "names": names, "small": size <= LOSSLESS_SIDE},
        f"A selection: the first {len(shown)} of {len(benchmark.classes):,} classes."
        if left_out > 0
        else "",
        template="method_images",
    )


def show_curves(rows: pd.DataFrame, runs: Tables, curves: Tables, network: str) -> Section:
    """Return a section with the test accuracy over epochs, as a mean over a method's trainings.

    Args:
        rows: Rows of all trainings of the page; if empty, the section has no chart.
        runs: File -> function that loads the rows of a run, with its method.
        curves: File -> function that loads the curves of a run, in the same folder as its rows.
        network: Name of the network to show.
    """
    folders = {str(PurePath(file).parent): load for file, load in curves.items()}
    found = []
    for file, load in runs.items():
        if (folder := str(PurePath(file).parent)) in folders and not rows.empty:
            table = folders[folder]()
            of = table[table["training"].str.fullmatch(rf"{network}-\d+")]
            found.append(of.assign(method=str(load()["method"].iloc[0])))
    known = pd.concat(found).dropna(subset="top1") if found else pd.DataFrame()
    if known.empty:
        return missing("learning", "Learning curves", NOT_TRAINED)
    means = known.groupby(["method", "epoch"], sort=False)["top1"].mean().reset_index()
    lines = {
        str(name): list(zip(of["epoch"], of["top1"], strict=True))
        for name, of in means.groupby("method", sort=False)
    }
    chart = chart_lines(lines, "epoch", "top-1 on test images, %", methods=True)
    return Section(
        "learning",
        "Learning curves",
        "Mean over all trainings of a method; test images are only used to measure accuracy.",
        {"chart": chart},
        template="chart",
    )


def show_trade_off(scores: pd.DataFrame) -> Section:
    """Return a section with a chart of representativeness against diversity, by class and method.

    Source: MGD3 (arXiv 2505.18963), Figures 3 and 6.
    """
    trades, notes = collect_trades(scores)
    frame, further_out = frame_trades(trades)
    groups = {}
    for method, trade in trades.items():
        points = []
        for values, names, large in (
            (trade.points, trade.class_names, False),
            (trade.mean[None], ("mean",), True),
        ):
            placed, is_out = frame.place(values)
            points += [
                {
                    "name": f"{method}, {name}",
                    "x": x,
                    "y": y,
                    "large": large,
                    "hollow": bool(out),
                    "told": f"{true[0]:.3f}, {true[1]:.3f}",
                }
                for (x, y), true, name, out in zip(placed, values, names, is_out, strict=True)
            ]
        groups[method] = points
    chart = chart_points(groups, "diversity", "representativeness", ranges=frame.ranges)
    return Section(
        "trade-off",
        "Representativeness against diversity",
        "Small: a class; large: mean over classes. Distances are normalised over all methods, so "
        "that 1 is best on either axis.",
        {"chart": chart},
        ". ".join((*notes, *further_out)),
        template="chart",
    )


def show_method_costs(costs: pd.DataFrame) -> Section:
    """Return a section with time and memory of every stage and method.

    Args:
        costs: Method, stage, seconds and peak memory in MB.
    """
    memory = costs.groupby("method")["peak_memory_mb"].max().to_dict()
    stages = [stage for stage in STAGES if stage in set(costs["stage"])]
    stages += [str(stage) for stage in dict.fromkeys(costs["stage"]) if stage not in stages]
    table = costs.pivot(index="method", columns="stage", values="seconds")[stages]
    table = table.loc[table.sum(axis=1).sort_values().index]
    note = (
        f"{MISSING}: there is no time, as the method does not need the stage, or the stage was "
        "not run."
    )
    rows = [
        (
            str(method),
            *(MISSING if np.isnan(of[stage]) else in_words(of[stage]) for stage in stages),
            in_words(of.sum()),
            in_bytes(memory[method]),
        )
        for method, of in table.iterrows()
    ]
    names = {stage: STAGES.get(stage, stage) for stage in stages}
    parts = {names[stage]: table[stage].fillna(0).tolist() for stage in stages}
    return Section(
        "costs",
        "Time",
        "Median over data sets; the last stage is one training. Stages that methods share are "
        "counted for each. Memory is the peak of one process before the training.",
        {
            "chart": chart_stacks(parts, [str(method) for method in table.index], "seconds"),
            "head": ("method", *names.values(), "together", "memory"),
            "rows": rows,
        },
        note if table.isna().any(axis=None) else "",
        template="method_costs",
    )
