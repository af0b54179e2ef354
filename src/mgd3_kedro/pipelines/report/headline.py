"""Report section with the accuracy of a run, compared with other methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.counting import count
from mgd3_kedro.durations import in_words
from mgd3_kedro.figures.labels import label_network
from mgd3_kedro.metrics.comparison import (
    TABLE_KEYS,
    CompareConfig,
    as_text,
    find_finished,
    name_data_sets,
)
from mgd3_kedro.metrics.robust import FULL
from mgd3_kedro.pipelines.report.settings import ReportConfig
from mgd3_kedro.report import Section, missing
from mgd3_kedro.report.wording import how_to, in_percent, join
from mgd3_kedro.stages import Partition

Tables = Mapping[str, Callable[[], pd.DataFrame]]

KEY, TITLE = "headline", "Result"
HEADLINES = {
    "top1_last": "top-1 accuracy after the last epoch",
    "top1_best": "best top-1 accuracy of a validation on the test images",
}


def describe_headline(
    benchmark: Benchmark,
    result_rows: pd.DataFrame | None,
    all_result_rows: Tables | None,
    train_images: Mapping[str, Partition] | None,
    distilled_images: Mapping[str, Partition] | None,
    stage_records: Sequence[Mapping[str, Any]],
    compare: CompareConfig,
    report: ReportConfig,
) -> Section:
    """Return a section with the accuracy of networks trained on the images, and of other methods.

    Args:
        benchmark: The classes.
        result_rows: Rows of this run, one per training.
        all_result_rows: File -> function that loads its rows, for all runs on the benchmark.
        train_images: wnid -> real images, to count them.
        distilled_images: wnid -> distilled images, to count them.
        stage_records: Time and memory of the stages of this run.
        compare: Configuration of comparisons, with the headline accuracy.
        report: Configuration of the report, with the methods to compare with.
    """
    finished = None if result_rows is None else result_rows[find_finished(result_rows)]
    if finished is None or finished.empty:
        return missing(KEY, TITLE, _why_missing(result_rows))
    # Pandas reads a method whose name consists of digits as a number.
    finished = finished.assign(method=finished["method"].astype(str))
    first = finished["network"].iloc[0]
    own = finished[finished["network"] == first]
    others = _rows_of(all_result_rows or {})
    beside, absent = find_beside(own, others, report.beside)
    headline = compare.headline
    top = max(rows[headline].mean() for rows in (own, *beside.values()))
    method = str(own["method"].iloc[0])
    named = {method: own, **{name: rows for name, rows in beside.items() if name != method}}
    ranked = sorted(named.items(), key=lambda one: -one[1][headline].mean())
    network = label_network(str(first))
    content = {
        "value": f"{own[headline].mean():.1f}",
        "about": (
            f"{HEADLINES[headline]} of {network}, "
            + _about_trainings(own)
            + (f"; {_spread(own, headline)}" if len(own) > 1 else "")
        ),
        "bars": [_bar(name, rows, headline, top, strong=name == method) for name, rows in ranked],
        "tiles": _tiles(benchmark, train_images, distilled_images, stage_records),
        "further": _further(finished, headline) if finished["network"].nunique() > 1 else None,
    }
    lead = "Bars: means over trainings; lines: from the worst to the best training."
    note = (
        f"Not shown: {join(absent)}, as there are no results with the same network, protocol, "
        "preset and number of images."
        if absent
        else ""
    )
    return Section(KEY, TITLE, lead if beside else "", content, note)


def find_beside(
    own: pd.DataFrame, others: pd.DataFrame, methods: Sequence[str]
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Find the rows of other methods that are comparable with a run.

    Comparable rows have the same benchmark, split, image size, network, protocol and preset. They
    also have the same backbone and images per class, except for trainings on all real images. If a
    method has rows with several settings, the function considers those whose settings are a subset
    of the run's settings, and takes the largest subset.

    Args:
        own: Rows of the run, of one network.
        others: Rows of all runs.
        methods: Names of the methods to look for.

    Returns:
        Method -> its rows, in the order of `methods`; the names of methods without such rows.
    """
    about = own.iloc[0]
    words = set(as_text(about.get("settings")).split())
    found: dict[str, pd.DataFrame] = {}
    for method in methods:
        if others.empty or method == about["method"]:
            continue
        rows = others[others["method"].astype(str) == method]
        keys = TABLE_KEYS if method == FULL else (*TABLE_KEYS, "ipc", "backbone")
        for key in keys:
            rows = rows[rows[key].astype(str) == str(about[key])]
        if rows.empty:
            continue
        told = rows["settings"].map(lambda of: frozenset(as_text(of).split()))
        fitting = sorted({of for of in told if of <= words}, key=lambda of: (-len(of), sorted(of)))
        if fitting:
            found[method] = rows[told == fitting[0]]
    return found, [name for name in methods if name not in found and name != about["method"]]


def _why_missing(rows: pd.DataFrame | None) -> str:
    """Return why no training has finished. What diverged is a result, and is not trained again."""
    if rows is None or rows.empty:
        return f"This run has no finished training yet. {how_to('train')}"
    outcome = as_text(rows.iloc[0].get("outcome")) or "has no accuracy"
    return f"No training of this run has finished. The first one {outcome}"


def _rows_of(tables: Tables) -> pd.DataFrame:
    loaded = [load() for load in tables.values()]
    rows = pd.concat(loaded, ignore_index=True) if loaded else pd.DataFrame()
    return rows[find_finished(rows)] if len(rows) else rows


def _bar(
    name: str, rows: pd.DataFrame, headline: str, top: float, *, strong: bool
) -> dict[str, Any]:
    values = rows[headline]
    scale = 100 / max(top, 1e-9) * 0.97
    is_spread = len(values) > 1
    return {
        "name": name,
        "detail": _detail(name, rows),
        "value": in_percent(values.mean(), values.std(ddof=0) if is_spread else None),
        "share": round(values.mean() * scale, 2),
        "low": round(values.min() * scale, 2) if is_spread else None,
        "high": round(values.max() * scale, 2) if is_spread else None,
        "strong": strong,
    }


def _detail(name: str, rows: pd.DataFrame) -> str:
    seeds = count(int(name_data_sets(rows).nunique()), "data set")
    trainings = count(len(rows), "training")
    images = "all real images, " if name == FULL else ""
    return f"{images}{trainings}" + ("" if name == FULL else f" on {seeds}")


def _about_trainings(rows: pd.DataFrame) -> str:
    number = len(rows)
    return "one training" if number == 1 else f"mean of {number} trainings"


def _spread(rows: pd.DataFrame, headline: str) -> str:
    return f"standard deviation {rows[headline].std(ddof=0):.1f} percentage points"


def _percent(share: float) -> str:
    """Return a share in percent, with two significant digits or as a whole number."""
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def _tiles(
    benchmark: Benchmark,
    real: Mapping[str, Partition] | None,
    made: Mapping[str, Partition] | None,
    records: Sequence[Mapping[str, Any]],
) -> list[tuple[str, str]]:
    tiles = []
    if made is not None:
        images = sum(made[wnid].count for wnid in benchmark.wnids)
        tiles.append(("distilled images", f"{images:,} in {len(benchmark.classes):,} classes"))
        if real is not None:
            whole = sum(real[wnid].count for wnid in benchmark.wnids)
            tiles.append(("share of the real images", f"{_percent(images / whole)} of {whole:,}"))
    if records:
        seconds = sum(record["seconds"] for record in records)
        tiles.append(("computing time of all stages", in_words(seconds)))
    return tiles


def _further(rows: pd.DataFrame, headline: str) -> dict[str, Any]:
    """Return a table with the accuracies of all networks."""
    lines = [
        (
            label_network(str(network)),
            in_percent(of["top1_last"].mean(), of["top1_last"].std(ddof=0)),
            in_percent(of["top1_best"].mean(), of["top1_best"].std(ddof=0)),
            str(len(of)),
        )
        for network, of in rows.groupby("network", sort=False)
    ]
    return {"head": ("network", "last epoch, %", "best validation, %", "trainings"), "rows": lines}
