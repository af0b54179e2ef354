"""The write_pages pipeline."""

from kedro.pipeline import Pipeline, node, pipeline

from mgd3_kedro.pipelines.write_pages.nodes import tabulate_results, write_pages


def create_pipeline() -> Pipeline:
    """Build the write_pages pipeline."""
    return pipeline(
        [
            node(
                tabulate_results,
                ["page_tables", "committed_results"],
                "tables_of_pages",
                name="tabulate_results",
            ),
            node(write_pages, ["pages", "tables_of_pages"], "written_pages", name="write_pages"),
        ],
        tags="write_pages",
    )
