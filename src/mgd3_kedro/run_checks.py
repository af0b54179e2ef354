"""What is checked of a run before it starts, whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgd3_kedro.preflight import check_inputs, check_order, place_of

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol
    from kedro.pipeline import Pipeline


def check_run(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse nodes in an order that reads what is not written yet, and inputs that do not fit.

    Raises:
        ValueError: The first thing that does not fit.
        FileNotFoundError: The first file that is missing.
    """
    resolve = catalog.config_resolver.resolve_pattern  # type: ignore[attr-defined]
    check_order(pipeline.nodes, lambda name: place_of(resolve(name)))
    check_inputs(FreeInputs(pipeline, catalog))


class FreeInputs:
    """The values a run reads and does not make."""

    def __init__(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        self._names = pipeline.inputs()
        self._catalog = catalog

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Any:
        return self._catalog.load(name)
