"""HTML page that compares all methods with the same number of images per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.counting import count
from mgd3_kedro.evaluation.settings import EvaluationConfig
from mgd3_kedro.figures.labels import label_network
from mgd3_kedro.metrics.comparison import CompareConfig, find_finished
from mgd3_kedro.pipelines.report_methods.sections import (
    Images,
    Tables,
    show_curves,
    show_method_costs,
    show_method_images,
    show_table,
    show_trade_off,
)
from mgd3_kedro.report import Page, render_page
from mgd3_kedro.report.wording import PROTOCOLS


def write_methods_page(
    benchmark: Benchmark,
    method_images: Images,
    method_scores: pd.DataFrame,
    method_costs: pd.DataFrame,
    rows_of_ipc: Tables,
    curves_of_ipc: Tables,
    methods: Mapping[str, Any],
    evaluation: EvaluationConfig,
    networks: Sequence[str],
    compare: CompareConfig,
    ipc: int,
    split: str,
) -> str:
    """Return a page on all methods: accuracies, images, curves, trade-off and costs.

    Args:
        benchmark: The classes.
        method_images: method -> function that loads wnid -> images (ipc, 3, H, W), uint8.
        method_scores: One row per class and method.
        method_costs: Method, stage, seconds and peak memory in MB.
        rows_of_ipc: File -> function that loads result rows of trainings.
        curves_of_ipc: File in the same folder -> function that loads their learning curves.
        methods: All configured methods, in the order of display.
        evaluation: Protocol and length of the trainings to show.
        networks: Names of networks; the first one is shown.
        compare: Configuration of the comparison.
        ipc: Images per class.
        split: Test split.
    """
    network = networks[0]
    rows = _rows_of(rows_of_ipc, network, evaluation)
    facts = (
        f"{split} split",
        label_network(network),
        PROTOCOLS.get(evaluation.protocol, evaluation.protocol),
        f"preset {evaluation.length}",
    )
    page = Page(
        "Comparison of methods",
        f"{benchmark.name}: {count(ipc, 'image')} per class by {len(method_images)} methods",
        facts,
        (
            show_table(rows, method_scores, compare),
            show_method_images(benchmark, method_images, methods),
            show_curves(rows, rows_of_ipc, curves_of_ipc, network),
            show_trade_off(method_scores),
            show_method_costs(method_costs),
        ),
    )
    return render_page(page)


def _rows_of(tables: Tables, network: str, evaluation: EvaluationConfig) -> pd.DataFrame:
    loaded = [load() for load in tables.values()]
    if not loaded:
        return pd.DataFrame()
    rows = pd.concat(loaded, ignore_index=True)
    asked = {"network": network, "protocol": evaluation.protocol, "preset": evaluation.length}
    for column, value in asked.items():
        rows = rows[rows[column] == value]
    return rows[find_finished(rows)].assign(method=rows["method"].astype(str))
