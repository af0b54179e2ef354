"""What a run prints when it is done."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset, SaveReport

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
    "exported_set": "set to hand on",
}

MAIN_RESULTS = ("result_rows", "full.result_rows", "provenance")


def announce_run(outputs: Collection[str], catalog: CatalogProtocol) -> Iterator[str]:
    """Yield one line: what a run adds, what is there already, and where results go.

    Args:
        outputs: Catalog entries the run makes.
        catalog: Knows which of them are there.

    Source: ours.
    """
    found = {name: catalog.exists(name) for name in sorted(_partitioned(outputs, catalog))}
    if not found:
        return
    parts = {"adds": False, "there already": True}
    told = [
        f"{words}: {', '.join(names)}"
        for words, there in parts.items()
        if (names := [name for name, exists in found.items() if exists is there])
    ]
    last = next((name for name in MAIN_RESULTS if name in outputs), None)
    place = [f"results: {_place(catalog, last)}"] if last else []
    yield "; ".join((*told, *place))


def _partitioned(outputs: Collection[str], catalog: CatalogProtocol) -> dict[str, SaveReport]:
    """Return what a run makes by classes -> what its last save did."""
    datasets = {name: catalog.get(name) for name in outputs}
    return {
        name: dataset.last_save
        for name, dataset in datasets.items()
        if isinstance(dataset, ClassPartitionsDataset)
    }


def _place(catalog: CatalogProtocol, name: str) -> str:
    return _shorten(str(Path(catalog[name]._describe()["filepath"]).parent))


def summarise_run(outputs: Collection[str], catalog: CatalogProtocol) -> Iterator[str]:
    """Yield the lines of the summary: a short table of results, and where things are.

    Args:
        outputs: Catalog entries the run made.
        catalog: Knows where they are.

    Source: ours.
    """
    from mgd3_kedro.pipelines.compare.nodes import tabulate_rows

    saved = _partitioned(outputs, catalog)
    valid = sorted(name for name, report in saved.items() if report.skipped)
    if valid and not any(report.computed for report in saved.values()):
        yield f"up to date, nothing is computed again: {', '.join(valid)}"
    for rows in ("result_rows", "full.result_rows"):
        if rows in outputs:
            yield ""
            yield _as_text(tabulate_rows(catalog.load(rows)))
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
