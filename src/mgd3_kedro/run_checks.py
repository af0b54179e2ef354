"""Checks of a run before it starts, for `kedro run` and `kedro estimate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgd3_kedro.preflight import check_inputs, check_order, place_of

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol
    from kedro.pipeline import Pipeline


def check_run(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse a run that reads outputs before they are written, or whose inputs do not fit.

    Raises:
        ValueError: If something does not fit; the message is about the first problem.
        FileNotFoundError: If a file is missing; the message names the first one.
    """
    resolve = catalog.config_resolver.resolve_pattern  # type: ignore[attr-defined]
    check_order(pipeline.nodes, lambda name: place_of(resolve(name)))
    check_inputs(FreeInputs(pipeline, catalog))


class FreeInputs:
    """Mapping of the values that a run reads and does not make, loaded on access."""

    def __init__(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        self._names = pipeline.inputs()
        self._catalog = catalog

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Any:
        return self._catalog.load(name)
