"""Write the tables of README.md and docs from committed result rows."""

from mgd3_kedro.pipelines.write_pages.pipeline import create_pipeline

__all__ = ["create_pipeline"]
