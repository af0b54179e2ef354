"""The compare pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.compare.nodes import gather_rows, tabulate_rows


def create_pipeline() -> Pipeline:
    """Build the compare pipeline."""
    return pipeline(
        [
            node(
                gather_rows, ["all_result_rows", "params:ipc"], "compared_rows", name="gather_rows"
            ),
            node(tabulate_rows, "compared_rows", "comparison", name="tabulate_rows"),
        ],
        tags="compare",
    )
