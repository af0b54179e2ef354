"""The compare pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.compare.nodes import (
    compare_methods,
    gather_rows,
    tabulate_pairs,
    write_tables,
)
from mgd3_kedro.pipelines.compare.page import write_comparison_page


def create_pipeline() -> Pipeline:
    """Build the compare pipeline."""
    return pipeline(
        [
            node(
                gather_rows,
                ["all_result_rows", "earlier_result_rows", "params:split"],
                "compared_rows",
                name="gather_rows",
            ),
            node(
                compare_methods,
                ["compared_rows", "published_results", "params:compare", "params:split"],
                "comparison",
                name="compare_methods",
            ),
            node(
                tabulate_pairs,
                ["compared_rows", "params:compare"],
                "paired_differences",
                name="tabulate_pairs",
            ),
            node(
                write_tables,
                ["comparison", "params:compare"],
                ["comparison_markdown", "comparison_latex"],
                name="write_tables",
            ),
            node(
                write_comparison_page,
                ["comparison", "params:compare", "params:benchmark", "params:split"],
                "comparison_page",
                name="write_comparison_page",
            ),
        ],
        tags="compare",
    )
