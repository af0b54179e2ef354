"""Hooks that track a run: when what is logged."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines as registered
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset
from mgd3_kedro.run_names import DEFAULT, name_run
from mgd3_kedro.tracking.inputs import INPUTS, describe_input
from mgd3_kedro.tracking.meter import NodeMeter
from mgd3_kedro.tracking.outputs import log_output
from mgd3_kedro.tracking.parameters import as_texts, method_of, tags_of, used_parameters
from mgd3_kedro.tracking.runs import RunTracker


class RunHooks:
    """Have kedro-mlflow open and close the run, and log no parameters.

    It would log every dataclass as one text, beside the fields that `TrackingHooks` logs.
    """

    @cached_property
    def _of_plugin(self) -> Any:
        # Takes a second, and listing pipelines needs none of it.
        from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

        return MlflowHook()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Configure the store, and name the experiment."""
        self._of_plugin.after_context_created(context)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Open the run."""
        self._of_plugin.before_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Close the run as finished."""
        self._of_plugin.after_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def on_pipeline_error(
        self,
        error: Exception,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: CatalogProtocol,
    ) -> None:
        """Close the run as failed."""
        self._of_plugin.on_pipeline_error(error, run_params, pipeline, catalog)


class TrackingHooks:
    """Logs parameters, code version, inputs, and time, memory and metrics of every node."""

    def __init__(self) -> None:
        self._loader: Any = None
        self._catalog: CatalogProtocol | None = None
        self._tracker: RunTracker | None = None
        self._meter = NodeMeter()
        self._unsaved: dict[str, set[str]] = {}
        self._read: set[str] = set()

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Keep the parameters as they are configured."""
        # kedro-mlflow raises its own level when imported, over the logging configuration.
        logging.getLogger("kedro_mlflow").setLevel(logging.WARNING)
        self._loader = context.config_loader
        if self._tracker:
            # Interrupted in a notebook, a run would still be active and take over this one's.
            self._tracker.kill()

    # kedro-mlflow opens the run in the same hook, and has to come first.
    @hook_impl(trylast=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Name the run where nobody did, and log what it is made with."""
        self._catalog = catalog
        # What an interrupted run of this process has left is none of this one's.
        self._meter, self._unsaved, self._read = NodeMeter(), {}, set()
        self._tracker = RunTracker.of_active_run()
        if self._tracker:
            self._describe(run_params, pipeline, self._tracker)

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Start the clock of loading."""
        self._meter.start("load", node.name)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Node) -> None:
        """Stop the clock of loading; tell which data were read."""
        self._meter.stop("load", node.name)
        if self._tracker and self._catalog and dataset_name in INPUTS.keys() - self._read:
            self._read.add(dataset_name)
            about = self._catalog[dataset_name]._describe()
            source = str(about.get("source", about.get("filepath", dataset_name)))
            parameters = self._loader["parameters"]
            self._tracker.log_inputs([describe_input(dataset_name, data, source, parameters)])

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Start the clock of running."""
        self._meter.start("run", node.name)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Stop the clock of running."""
        self._meter.stop("run", node.name)
        self._unsaved[node.name] = set(node.outputs)
        if not node.outputs:
            self._finish(node)

    @hook_impl
    def before_dataset_saved(self, node: Node) -> None:
        """Start the clock of saving."""
        self._meter.start("save", node.name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Stop the clock of saving; log what the dataset's metadata says is to be logged."""
        self._meter.stop("save", node.name)
        dataset = self._catalog.get(dataset_name) if self._catalog else None
        if isinstance(dataset, ClassPartitionsDataset):
            # A stage over classes is computed where it is kept.
            self._meter.count_as_run(dataset.last_save.computing_seconds, node.name)
        if self._tracker:
            kinds = (getattr(dataset, "metadata", None) or {}).get("mlflow")
            log_output(self._tracker, kinds, dataset_name, data, dataset)
        # With asynchronous saves, in any order.
        self._unsaved[node.name].discard(dataset_name)
        if not self._unsaved[node.name]:
            self._finish(node)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Mark the run as ended by itself."""
        if self._tracker:
            self._tracker.end()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self, error: Exception) -> None:
        """Record why the run failed."""
        if self._tracker:
            self._tracker.fail(error)

    def _describe(
        self, run_params: dict[str, Any], pipeline: Pipeline, tracker: RunTracker
    ) -> None:
        """Name the run, and log what it uses."""
        lineage, made = self._loader.lineage, sorted(pipeline.all_outputs())
        used = used_parameters(pipeline.datasets(), lineage)
        words = list(dict.fromkeys(word for name in made for word in lineage.words(name)))
        asked = run_params.get("pipeline_names") or [DEFAULT]
        # A stage that was asked for as a namespace has the name of its pipeline.
        told = run_params.get("namespaces") or asked
        name = name_run(told, registered, method_of(used), used, words)
        tracker.rename("+".join(asked), name)
        experiment = self._loader["mlflow"]["tracking"]["experiment"]
        tracker.keep_views(experiment["create_experiment_kwargs"]["tags"])
        tracker.start(as_texts(used), tags_of(used, words))

    def _finish(self, node: Node) -> None:
        measured = self._meter.finish(node.name)
        if self._tracker:
            self._tracker.log_metrics(measured)
