"""Kedro hooks that download files from the store before nodes read them and upload outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from mgd3_kedro.configured import OTHER_ENTRY, STORE
from mgd3_kedro.datasets.stored import fetch_kept
from mgd3_kedro.store import Store

Resolve = Callable[[str], Mapping[str, Any]]
"""Name of a catalog entry -> its configuration."""


class StoreHooks:
    """Checks the store of a run, and transfers the files of entries that do not use it themselves.

    Entries that are configured with the store read and write it themselves.
    """

    def __init__(self) -> None:
        self._store: Store | None = None
        self._resolve: Resolve = dict[str, Any]().__getitem__
        self._current: set[Path] = set()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Open the store, if the run has one."""
        loader: Any = context.config_loader
        url = loader["parameters"]["store"]
        self._store = None if url is None else Store(str(url), context.project_path)
        self._current = set()

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Keep the function that returns the configuration of entries."""
        self._resolve = catalog.config_resolver.resolve_pattern  # type: ignore[attr-defined]

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Refuse a store that cannot be written, and download what the checks of a run read."""
        if self._store:
            self._store.check()
            self._get(pipeline.inputs())

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str) -> None:
        """Download the input that a node is about to read."""
        self._get([dataset_name])

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Upload the output that a node has written."""
        if self._store and (place := file_of(dataset_name, self._resolve)):
            self._current.add(place)
            if self._store.holds(place):
                files = [place] if place.is_file() else place.rglob("*")
                self._store.upload(sorted(path for path in files if path.is_file()))

    def _get(self, names: Iterable[str]) -> None:
        for name in names if self._store else ():
            place = file_of(name, self._resolve)
            # Files that this run has made or downloaded before are up to date.
            if place and place not in self._current:
                self._current.add(place)
                fetch_kept(place, self._store)


def file_of(name: str, resolve: Resolve) -> Path | None:
    """Return the file of a catalog entry that does not use the store itself.

    Args:
        name: Name of the entry.
        resolve: Returns the configuration of an entry.

    Returns:
        Path of the file; None if the entry uses the store itself or has no file.
    """
    entry = resolve(name)
    if STORE not in entry and OTHER_ENTRY in entry:
        entry = resolve(str(entry[OTHER_ENTRY]))
    return None if STORE in entry or PLACE not in entry else Path(str(entry[PLACE]))


PLACE = "filepath"
"""Key of a catalog entry for its path."""
