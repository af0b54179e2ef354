"""What a run prints when it is done."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mgd3_kedro.records import KNOBS

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol

PLACES = {
    "distilled_images": "images",
    "provenance": "provenance of every image",
    "result_rows": "result rows",
    "compared_rows": "rows compared",
    "comparison": "table",
    "comparison_markdown": "table for people",
    "comparison_latex": "table for papers",
    "teacher": "weights of the teacher",
    "full.result_rows": "rows of all real images",
    "trained_prior": "model weights",
}


def summarise_run(outputs: Collection[str], catalog: CatalogProtocol) -> Iterator[str]:
    """Yield the lines of the summary: a short table of results, and where things are.

    Args:
        outputs: Catalog entries the run made.
        catalog: Knows where they are.

    Source: ours.
    """
    from mgd3_kedro.pipelines.compare.nodes import tabulate_rows

    for rows in ("result_rows", "full.result_rows"):
        if rows in outputs:
            yield ""
            yield _as_text(tabulate_rows(catalog.load(rows)).drop(columns=list(KNOBS)))
    if "comparison_markdown" in outputs:
        yield ""
        yield catalog.load("comparison_markdown")
    places = {
        words: catalog[name]._describe()["filepath"]
        for name, words in PLACES.items()
        if name in outputs
    }
    if uri := _tracking_uri():
        places["MLflow store"] = f"{uri}  (look at it with: kedro mlflow ui)"
    width = max(map(len, places), default=0)
    yield ""
    yield from (f"{words:<{width}}  {_shorten(str(place))}" for words, place in places.items())


def _as_text(table: object) -> str:
    return table.round(2).to_string(index=False)  # type: ignore[attr-defined]


def _shorten(place: str) -> str:
    path = Path(place)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else place


def _tracking_uri() -> str:
    import mlflow

    return str(mlflow.get_tracking_uri())
