"""Kedro hooks that log a run to MLflow."""

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
from mgd3_kedro.summary import Tracked
from mgd3_kedro.tracking.inputs import INPUTS, describe_input
from mgd3_kedro.tracking.meter import NodeMeter
from mgd3_kedro.tracking.opening import address_of, log_in_passing, open_store
from mgd3_kedro.tracking.outputs import log_output
from mgd3_kedro.tracking.parameters import as_texts, method_of, tags_of, used_parameters
from mgd3_kedro.tracking.runs import RunTracker
from mgd3_kedro.tracking.store import own_store, without_password


class TrackingHooks:
    """Opens and closes the MLflow run, and logs its parameters, inputs and outputs.

    kedro-mlflow is used only to configure the store. Its hooks would log every dataclass as one
    text, and a run that is killed in its first seconds would stay marked as running.
    """

    def __init__(self) -> None:
        self._context: Any = None
        self._online = True
        self._catalog: CatalogProtocol | None = None
        self._tracker: RunTracker | None = None
        self._meter = NodeMeter()
        self._unsaved: dict[str, set[str]] = {}
        self._read: set[str] = set()

    @cached_property
    def _of_plugin(self) -> Any:
        # The import takes a second, and runs that are refused before do not need it.
        from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

        return MlflowHook()

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Configure the store, once paths are known and checks are over."""
        self._context = context
        if self._tracker:
            # A run that was interrupted in a notebook would still be active and get these logs.
            self._tracker.kill()
        self._online = open_store(context, self._configure)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Open the run, with a name if it has none, and log what it uses."""
        self._catalog = catalog
        # Discard the state of an interrupted run in this process.
        self._meter, self._unsaved, self._read = NodeMeter(), {}, set()
        self._tracker = None
        asked = run_params.get("pipeline_names") or [DEFAULT]
        tracking = self._loader["mlflow"]["tracking"]
        if not {*asked} <= {*(tracking.get("disable_tracking") or {}).get("pipelines", ())}:
            self._tracker = self._open(run_params, pipeline, asked)

    @property
    def tracked(self) -> Tracked | None:
        """Location of the run in MLflow; None if it is in no store."""
        if self._tracker is None or self._tracker.experiment is None:
            return None
        store, own = self._tracker.store, own_store(self._context.project_path)
        return Tracked(self._tracker.experiment, store, store == own)

    @property
    def _loader(self) -> Any:
        return self._context.config_loader

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """Start the time of loading."""
        self._meter.start("load", node.name)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Node) -> None:
        """Stop the time of loading, and log the input data."""
        self._meter.stop("load", node.name)
        if self._tracker and self._catalog and dataset_name in INPUTS.keys() - self._read:
            self._read.add(dataset_name)
            about = self._catalog[dataset_name]._describe()
            source = str(about.get("source", about.get("filepath", dataset_name)))
            parameters = self._loader["parameters"]
            self._tracker.log_inputs([describe_input(dataset_name, data, source, parameters)])

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Start the time of running."""
        self._meter.start("run", node.name)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Stop the time of running."""
        self._meter.stop("run", node.name)
        self._unsaved[node.name] = set(node.outputs)
        if not node.outputs:
            self._finish(node)

    @hook_impl
    def before_dataset_saved(self, node: Node) -> None:
        """Start the time of saving."""
        self._meter.start("save", node.name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Stop the time of saving, and log the output as the metadata of its entry say."""
        self._meter.stop("save", node.name)
        dataset = self._catalog.get(dataset_name) if self._catalog else None
        if isinstance(dataset, ClassPartitionsDataset):
            # A stage over classes is computed while its dataset saves it.
            self._meter.count_as_run(dataset.last_save.computing_seconds, node.name)
        if self._tracker:
            kinds = (getattr(dataset, "metadata", None) or {}).get("mlflow")
            log_output(self._tracker, kinds, dataset_name, data, dataset)
        # Asynchronous saves end in any order.
        self._unsaved[node.name].discard(dataset_name)
        if not self._unsaved[node.name]:
            self._finish(node)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Close the run as finished."""
        if self._tracker:
            self._tracker.end()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self, error: Exception) -> None:
        """Close the run as failed, and log the error."""
        if self._tracker:
            self._tracker.fail(error)

    def _configure(self, context: KedroContext) -> None:
        """Let kedro-mlflow set the store and the experiment of MLflow."""
        # On import it changes its own log level, against the logging configuration.
        plugin, logger = self._of_plugin, logging.getLogger("kedro_mlflow")
        logger.setLevel(logging.WARNING)
        plugin.after_context_created(context)

    def _open(self, run_params: dict[str, Any], pipeline: Pipeline, asked: list[str]) -> RunTracker:
        """Open the run, and log what it uses."""
        lineage, made = self._loader.lineage, sorted(pipeline.all_outputs())
        used = used_parameters(pipeline.datasets(), lineage)
        words = list(dict.fromkeys(word for name in made for word in lineage.words(name)))
        tracking = self._loader["mlflow"]["tracking"]
        # A stage that is run as a namespace has the same name as its pipeline.
        told = run_params.get("namespaces") or asked
        name = tracking["run"]["name"] or name_run(told, registered, method_of(used), used, words)
        tags = as_texts({key: value for key, value in run_params.items() if value})
        project, store = self._context.project_path, without_password(address_of(self._context))
        tracker = RunTracker.open(name, tags, project, store=store, online=self._online)
        views = tracking["experiment"]["create_experiment_kwargs"]["tags"]
        tracker.start(as_texts(used), tags_of(used, words), views)
        if tracker.experiment:
            log_in_passing(self._context)
        return tracker

    def _finish(self, node: Node) -> None:
        measured = self._meter.finish(node.name)
        if self._tracker:
            self._tracker.log_metrics(measured)
