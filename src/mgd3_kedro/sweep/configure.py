"""Sessions that are configured and checked, but not run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kedro.config import AbstractConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.project import pipelines as registered
from kedro.framework.project import settings
from kedro.io import AbstractDataset, CatalogConfigResolver
from kedro.pipeline import Pipeline
from kedro.validation.parameter_validator import ParameterValidator

from mgd3_kedro.checks import lookup
from mgd3_kedro.preflight import VARIANTS, check_inputs, check_run_keys
from mgd3_kedro.sweep.grid import Axis, merged, nested
from mgd3_kedro.sweep.sharing import Configuration, Lineage

CHEAP = ("benchmark", "teacher")
"""What is read of every value of an axis before work starts."""


class Configurator:
    """Configures sessions with the values of points, and checks what can be checked at once.

    Args:
        context: Of a session with the parameters that all points have.
        params: These parameters, nested.
        pipeline: What each session runs.
    """

    def __init__(
        self, context: KedroContext, params: Mapping[str, Any], pipeline: Pipeline
    ) -> None:
        self._project = context.project_path
        self._loader = context.config_loader
        self._params = params
        self._pipeline = pipeline
        self._validator = ParameterValidator({"sweep": pipeline})
        self._shared = self._loader["globals"]
        self._given = self._loader["parameters"]
        self.prefixes = {variant: self._given[variant] for variant in VARIANTS}

    def lineage(self, values: Mapping[str, Any]) -> Lineage:
        """Return what results are made from at a point."""
        loader = self._load(values, {})
        return self._lineage(loader, loader["parameters"])

    def checked_lineage(self, values: Mapping[str, Any]) -> Lineage:
        """Return the same where the values are not known to fit.

        Raises:
            ValueError: If one does not.
        """
        # First: what else is configured is looked up under such names.
        backbone = values.get("backbone", self._given["backbone"])
        lookup(self._shared["backbones"], backbone, "backbone")
        loader = self._load(values, {})
        parameters = loader["parameters"]
        check_run_keys(parameters, self._shared.get("splits", ()))
        lineage = self._lineage(loader, parameters)
        checked = self._validator.validate_raw_params(parameters)
        load = partial(_load_entry, self._project, lineage.configuration)
        check_inputs(_CheapInputs(self._pipeline.inputs(), checked, load))
        return lineage

    def places(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return where a session with these parameters keeps what it makes."""
        configuration = Configuration({}, _entries(self._with(params)["catalog"]))
        named = {name: configuration.place(name) for name in sorted(self._pipeline.all_outputs())}
        return {name: place for name, place in named.items() if place}

    def marked(self, values: Mapping[str, Any], marks: Mapping[str, str]) -> Configuration:
        """Return the catalog of a point whose folders have these names."""
        return Configuration({}, _entries(self._load(values, marks)["catalog"]))

    def others(self, first: Mapping[str, Any], axis: Axis) -> list[Lineage]:
        """Return the same for the other values of an axis, or as configured where it has one."""
        if len(axis.values) > 1:
            return [self.checked_lineage({**first, axis.key: v}) for v in axis.values[1:]]
        return [self.lineage({key: v for key, v in first.items() if key != axis.key})]

    def _load(self, values: Mapping[str, Any], folders: Mapping[str, str]) -> AbstractConfigLoader:
        return self._with(merged(self._params, nested(values), self.prefixes, folders))

    def _with(self, params: Mapping[str, Any]) -> AbstractConfigLoader:
        return type(self._loader)(
            conf_source=self._loader.conf_source,
            env=self._loader.env,
            runtime_params=dict(params),
            **settings.CONFIG_LOADER_ARGS,
        )

    def _lineage(self, loader: AbstractConfigLoader, parameters: Mapping[str, Any]) -> Lineage:
        configuration = Configuration(parameters, _entries(loader["catalog"]))
        return Lineage(configuration, self._pipeline.nodes, registered["__default__"].nodes)


class _CheapInputs:
    """The validated parameters, the classes and the teacher of a run; others take time to be read.

    What a check of these reads beyond them is read all the same.
    """

    def __init__(
        self, names: Iterable[str], parameters: Mapping[str, Any], load: Callable[[str], Any]
    ) -> None:
        self._names = {n for n in names if n in CHEAP or n.startswith("params:")}
        self._parameters = parameters
        self._load = load

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Any:
        if not name.startswith("params:"):
            return self._load(name)
        value: Any = self._parameters
        for part in name.removeprefix("params:").split("."):
            value = value[part] if isinstance(value, Mapping) else getattr(value, part)
        return value


def _load_entry(project: Path, configuration: Configuration, name: str) -> Any:
    entry = dict(configuration.entry(name))
    for key in ("filepath", "path"):
        if entry.get(key):
            entry[key] = str(project / entry[key])
    return AbstractDataset.from_config(name, entry).load()


def _entries(catalog: Mapping[str, Any]) -> Callable[[str], Mapping[str, Any]]:
    memory = {"{default}": {"type": "kedro.io.MemoryDataset"}}
    resolver = CatalogConfigResolver(dict(catalog), default_runtime_patterns=memory)
    return resolver.resolve_pattern
