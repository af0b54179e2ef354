"""Output of one run on the terminal: its plan, its progress and its result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgd3_kedro.announcement import (
    announce,
    plan_steps,
    precisions_of,
    settings_of,
    speeds_of,
)
from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset
from mgd3_kedro.named_settings import CHOOSER
from mgd3_kedro.speeds import Took
from mgd3_kedro.summary import Tracked, describe_end, places_of, saves_of, summarise_run
from mgd3_kedro.terminal import Showing, choose_display

if TYPE_CHECKING:
    from kedro.io import CatalogProtocol
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

WORTH_KEEPING = 0.5
"""Least seconds of a node for its time to be saved."""


class Watch:
    """Prints the plan of a run, shows its progress, and prints its result.

    Args:
        pipeline: Pipeline of the run.
        catalog: The catalog, which knows what exists and where.
        parameters: Parameters of the run, nested.
        project: Folder of the project.
        tracked: Location of the run in MLflow; None if it is not there.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        parameters: Mapping[str, Any],
        project: Path,
        tracked: Tracked | None,
    ) -> None:
        self._outputs = pipeline.all_outputs()
        self._catalog, self._parameters, self._tracked = catalog, parameters, tracked
        self._speeds = speeds_of(project)
        self._began: dict[str, float] = {}
        self._unsaved: dict[str, set[str]] = {}
        self._took: dict[str, Took] = {}
        self._begun = time.monotonic()
        steps = [*plan_steps(pipeline, catalog, parameters, self._speeds)]
        for line in announce(steps, precisions_of(pipeline, parameters), parameters[CHOOSER]):
            print(line, flush=True)
        self._showing = Showing(choose_display())

    def begin(self, node: Node) -> None:
        """Show that a node has started."""
        self._began[node.name] = time.monotonic()
        self._unsaved[node.name] = set(node.outputs)
        self._showing.display.begin(node.name)

    def note_output(self, node: Node, name: str) -> None:
        """Take note that an output of a node is saved; stages are computed while they are saved."""
        # Asynchronous saves end in any order.
        self._unsaved[node.name].discard(name)
        self.end_if_over(node)

    def end_if_over(self, node: Node) -> None:
        """Show that a node has ended, once all its outputs are saved."""
        if not self._unsaved[node.name]:
            self._showing.display.end(node.name)
            seconds = time.monotonic() - self._began.pop(node.name)
            kept = [self._catalog[name] for name in node.outputs]
            parts = [one.last_save.computed for one in kept if _is_partitioned(one)] or [1]
            if parts[0] and seconds >= WORTH_KEEPING:
                key = self._speeds.key_of(node.name, settings_of(node, self._parameters))
                self._took[key] = Took(parts[0], seconds)

    def end(self) -> None:
        """Print the result and the outputs worth opening."""
        self.stop()
        seconds = time.monotonic() - self._begun
        print(f"\n{describe_end(saves_of(self._outputs, self._catalog), seconds)}\n")
        for line in summarise_run(places_of(self._outputs, self._catalog), self._tracked):
            print(line)

    def stop(self) -> None:
        """Stop showing progress, and save the measured times."""
        self._showing.stop()
        self._speeds.keep(self._took)
        self._took = {}


def _is_partitioned(dataset: Any) -> bool:
    return isinstance(dataset, ClassPartitionsDataset)
