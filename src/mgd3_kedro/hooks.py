"""Kedro hooks: checks before a run, locations of other runs, and output on the terminal."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines as registered
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from mgd3_kedro import pipeline_registry
from mgd3_kedro.cards import use_free_card
from mgd3_kedro.datasets.found import FoundDataset
from mgd3_kedro.executors import ExecutorConfig
from mgd3_kedro.known_options import describe_unread_files
from mgd3_kedro.memory import enable_gc
from mgd3_kedro.preflight import check_runner, warn_of_unread
from mgd3_kedro.run_checks import check_run
from mgd3_kedro.terminal.watch import Watch
from mgd3_kedro.tracking.hooks import TrackingHooks

logger = logging.getLogger(__name__)

OF_ALL_METHODS = (
    *("all_sample_scores", "all_stage_costs", "rows_of_ipc", "curves_of_ipc"),
    "method_images",
)
"""Catalog entries that read the runs of all methods."""


class MemoryHooks:
    """Enables garbage collection again, after all libraries are imported."""

    @hook_impl
    def after_context_created(self) -> None:
        """Enable it before any work starts."""
        enable_gc()


class ProjectPathHooks:
    """Sets the project folder of the configuration loader; the configuration may be elsewhere."""

    # Before the tracking hook of the same name, which locates the MLflow store by this path.
    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Set it before anything is read."""
        loader: Any = context.config_loader
        loader.project = context.project_path


class RunPlacesHooks:
    """Gives datasets that read other runs, or other catalog entries, access to these."""

    def __init__(self) -> None:
        self._loader: Any = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the configuration loader, which knows the locations of runs."""
        self._loader = context.config_loader

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        """Give datasets a function that looks up the locations on demand, as it takes a second."""
        for name in OF_ALL_METHODS:
            dataset: Any = catalog.get(name)
            dataset.places = partial(
                self._loader.places_of_methods, dataset.entry, seed=dataset.seed
            )

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Give the catalog to datasets that read other entries if these exist."""
        for name in pipeline.inputs():
            dataset = catalog.get(name)
            if isinstance(dataset, FoundDataset):
                dataset.find = catalog.get


class PreflightHooks:
    """Refuses invalid input before any work starts and before MLflow records the run."""

    def __init__(self) -> None:
        self._loader: Any = None
        self._computes_here = True

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse invalid parameters, and build the pipelines that the parameters choose."""
        loader: Any = context.config_loader
        self._loader = loader
        loader.check()
        for line in loader.chosen_settings():
            print(line)
        if told := describe_unread_files(context.project_path / "conf/local", loader.env_name):
            logger.warning(told)
        pipeline_registry.choose(loader["parameters"])
        executor = ExecutorConfig(**loader["parameters"]["executor"])
        self._computes_here = not executor.in_processes(loader["parameters"]["workers"]["classes"])
        registered.configure(pipeline_registry.__name__)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Check the runner, the order of the nodes and their inputs."""
        check_runner(str(run_params["runner"]))
        if self._computes_here:
            use_free_card()
        warn_of_unread(self._loader, pipeline.datasets())
        check_run(pipeline, catalog)


class TerminalHooks:
    """Prints the plan of a run, its progress, its result and the paths of its outputs.

    Args:
        tracking: Hooks that know where the run is in MLflow.
    """

    def __init__(self, tracking: TrackingHooks) -> None:
        self._tracking = tracking
        self._context: Any = None
        self._watch: Watch | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the context, which has the parameters and the project folder."""
        self._stop()
        self._context = context

    # Last, because the MLflow run must be open.
    @hook_impl(trylast=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Print what will be made and what exists, and show progress from now on."""
        parameters = self._context.config_loader["parameters"]
        project = self._context.project_path
        self._watch = Watch(pipeline, catalog, parameters, project, self._tracking.tracked)

    @hook_impl(tryfirst=True)
    def before_node_run(self, node: Node) -> None:
        """Show that a node has started."""
        if self._watch:
            self._watch.begin(node)

    @hook_impl(trylast=True)
    def after_node_run(self, node: Node) -> None:
        """Show that a node has ended, if it has no outputs."""
        if self._watch:
            self._watch.end_if_over(node)

    @hook_impl(trylast=True)
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Show that a node has ended, once all its outputs are saved."""
        if self._watch:
            self._watch.note_output(node, dataset_name)

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Print the result and the outputs worth opening."""
        if self._watch:
            self._watch.end()
            self._watch = None

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Stop showing progress."""
        self._stop()

    def _stop(self) -> None:
        if self._watch:
            self._watch.stop()
            self._watch = None
