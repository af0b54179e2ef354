"""Configuration loader of Kedro: merges parameters and derives the folder names of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project
from omegaconf import OmegaConf

from mgd3_kedro import pipeline_registry
from mgd3_kedro.configured import LOCAL, Configured, references_of
from mgd3_kedro.given import read_parameters
from mgd3_kedro.known_options import check_folder
from mgd3_kedro.lineage import PLACES, Lineage
from mgd3_kedro.nesting import configured_as, flat, nested, select
from mgd3_kedro.parameter_files import ParameterFiles
from mgd3_kedro.preflight import (
    check_counts,
    check_known_parameters,
    check_protocol,
    check_run_keys,
    check_sources,
    check_used,
)
from mgd3_kedro.resolution import RESOLVING, places_in, plain_values, register_resolvers
from mgd3_kedro.words import folder_words

EVALUATED, DISTILLED = "evaluated_images", "distilled_images"


class ProjectConfigLoader(OmegaConfigLoader):
    """Loader that merges the parameters of all sources and lets the catalog use them.

    Interpolations of parameters are resolved after all files and the command line are merged, so a
    value in base can follow a value that an environment or the command line sets.

    In the catalog:

    - `${parameters:a.b}` is a parameter.
    - `${settings:ENTRY}` is the end of a folder name, with the settings in the entry's lineage that
      differ from the environment; `${settings:ENTRY,OTHER}` leaves out those of another entry.
    - `${words:ENTRY}` is the same settings as a text.
    - `${differing:}` is a table of all given parameters that differ from the environment.
    - `${first:A,B}` is the first value that is not null.
    - `${unless:A,B}` is B if A is null, else null.
    - `${store:}` is the configuration of the remote store, or null.

    In all configuration files:

    - `${project:PATH}` is an absolute path within the project.
    - `${environment:NAME,DEFAULT}` is an environment variable at the start of the process; if it is
      not set, the default, or null without one.

    In parameters (`resolution.py`):

    - `${sampling_default:NAME,VALUE}` is a sampling setting that the model recommends. A result
      made with it also depends on the model, and its lineage says so.
    - `${smaller:A,B}` is the smaller of two numbers, `${product:A,B}` their product.

    Attributes:
        project: Folder of the project.

    Raises:
        ValueError: If the path of the project has characters that Kedro treats as patterns.
    """

    def __init__(self, conf_source: str | Path, *arguments: Any, **options: Any) -> None:
        folder = Path(conf_source).absolute()
        check_folder(folder.parent)
        self.project = find_kedro_project(folder) or folder.parent
        self.read_files: dict[str, Any] = {}
        self._of_methods: dict[Any, dict[str, ProjectConfigLoader]] = {}
        super().__init__(str(conf_source), *arguments, **options)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return the merged configuration of a kind, such as "parameters" or "catalog"."""
        if key == "parameters" and key not in self:
            self[key] = dict(self.configured.run)
        # The resolvers of OmegaConf are global: register those of this loader first.
        with RESOLVING:
            if key in ("catalog", "sweeps"):
                self._register_own_resolvers()
            else:
                register_resolvers(places_in(self.project))
            return super().__getitem__(key)

    def with_parameters(self, given: Mapping[str, Any]) -> ProjectConfigLoader:
        """Return a loader of the same files for a run with other parameters."""
        other = type(self)(
            conf_source=self.conf_source,
            env=self.env,
            runtime_params=dict(given),
            base_env=self.base_env,
            default_run_env=self.default_run_env,
            config_patterns=self.config_patterns,
        )
        other.project = self.project
        # Files are read once, whatever the number of runs.
        vars(other).update({name: getattr(self, name) for name in FILES})
        return other

    @cached_property
    def parameter_files(self) -> ParameterFiles:
        """The parameters of all files."""
        merged: Any = OmegaConf.unsafe_merge(*self._files("parameters"))
        return ParameterFiles(merged, self.project)

    @cached_property
    def catalog_files(self) -> dict[str, Any]:
        """The catalog of all files, merged, not resolved."""
        merged: dict[str, Any] = {}
        for file in self._files("catalog"):
            merged |= plain_values(file, resolve=False)
        return merged

    @property
    def of_environment(self) -> dict[str, Any]:
        """The parameters of the environment, resolved."""
        return self.parameter_files.of_environment

    @cached_property
    def configured(self) -> Configured:
        """The parameters of the run.

        Raises:
            ValueError: If a parameter cannot be read, or a backbone or named settings are unknown;
                the message names it.
        """
        return self.parameter_files.configure(self.given_by_hand())

    @cached_property
    def lineage(self) -> Lineage:
        """The parameters that every catalog entry is made from."""
        run = self.configured.run
        known = pipeline_registry.build_pipelines(run)
        main = "evaluate" if run["images"] else "distill"
        ordered = [known[main], *(known[name] for name in known if name != main)]
        return Lineage(
            [node for pipeline in ordered for node in pipeline.nodes],
            self.catalog_files,
            self.configured,
            pipeline_registry.types_of_parameters(run),
            pipeline_registry.choice_of(run).needs.unread,
            {} if run["images"] else {EVALUATED: DISTILLED},
            () if self.of_environment["benchmark"] == self.env_name else (f"env={self.env_name}",),
        )

    @property
    def env_name(self) -> str:
        """Name of the environment."""
        return str(self.env or self.default_run_env)

    def parameters_of(self, entry: str) -> set[str]:
        """Return the full names of the parameters in the configuration of a catalog entry."""
        values = flat(self.configured.run)
        return set(references_of(self.catalog_files[entry], self.catalog_files, values))

    def entries(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the configurations of some catalog entries, faster than the whole catalog.

        Args:
            names: Names of entries; patterns are not allowed.
        """
        found, needed, rest = list(names), {}, [*names]
        while rest:
            name = rest.pop()
            needed[name] = self.catalog_files[name]
            rest += [one for one in LOCAL.findall(str(needed[name])) if one not in needed]
        templates = OmegaConf.create(needed)
        with RESOLVING:
            self._register_own_resolvers()
            return {name: plain_values(templates[name]) for name in found}

    def place(self, entry: str) -> str:
        """Return the location of a catalog entry, relative to the project folder."""
        (configuration,) = self.entries([entry]).values()
        return next(str(configuration[key]) for key in PLACES if key in configuration)

    def check(self) -> None:
        """Refuse parameters of the run that are unknown, not used by the environment, or invalid.

        Raises:
            ValueError: If there is one; the message names it.
        """
        check_known_parameters(self.runtime_params or {}, self.of_environment)
        given = self.configured.given
        read = ("train_images", *((EVALUATED,) if self.configured.run["images"] else ()))
        used = set[str]().union(*map(self.parameters_of, read))
        check_used(given, used, self.env_name)
        check_run_keys(self.configured.run)
        check_counts(self.configured.run)
        check_sources(self.configured, "modes.ipc")
        if "protocol" in given:
            check_protocol(self.configured.run["protocol"])

    def chosen_settings(self) -> list[str]:
        """Return a line for each parameter that the chosen named settings change."""
        configured = self.configured
        return self.parameter_files.named.describe(
            configured.run, configured.environment, flat(self.given_by_hand()).keys()
        )

    def places_of_methods(self, entry: str, *, seed: Any = None) -> dict[str, str]:
        """Return method -> location of an entry in its run with otherwise the same parameters.

        Args:
            entry: Name of a catalog entry.
            seed: Another seed, or a text that stands for any; None for the seed of this run.
        """
        # Cached, because pipelines that show all methods look up several entries of each.
        if seed not in self._of_methods:
            given = {**self.configured.given, **({} if seed is None else {"seed": seed})}
            self._of_methods[seed] = {
                name: self.with_parameters(nested({**given, "method": name}))
                for name in self.configured.run["methods"]
            }
        return {name: loader.place(entry) for name, loader in self._of_methods[seed].items()}

    def words(self, entry: str, apart_from: str | None = None) -> str:
        """Return the settings of an entry that differ from the environment, as a text."""
        return " ".join(self.lineage.words(entry, apart_from))

    def differing_settings(self) -> list[list[str]]:
        """Return [name, value, value of the environment] of each given parameter that differs."""
        usual = flat(self.configured.environment)
        differing = self.configured.differing.items()
        return [
            [name, configured_as(value), configured_as(usual.get(name))]
            for name, value in differing
        ]

    def given_by_hand(self) -> dict[str, Any]:
        """Return the parameters given for this run, nested, with the types of configured ones."""
        return read_parameters(self.runtime_params or {}, self.of_environment, self.project)

    def _register_own_resolvers(self) -> None:
        run = self.configured.run
        values = flat(run)
        own: dict[str, Callable[..., Any]] = {
            "parameters": lambda name: values[name] if name in values else select(run, name),
            "settings": lambda *entries: folder_words(self.lineage.words(*entries)),
            "words": self.words,
            "differing": self.differing_settings,
            "store": self._store,
            "unless": lambda value, other: other if value is None else None,
            "first": lambda *among: next((value for value in among if value is not None), None),
        }
        register_resolvers({**places_in(self.project), **own})

    def _store(self) -> dict[str, str] | None:
        """Return the fields of the store of a run; None if it has none."""
        url = self.configured.run["store"]
        return None if url is None else {"url": str(url), "root": str(self.project)}

    def _read_raw_config(self, key: str) -> Any:
        """Read the files of a kind once; Kedro reads them at every access."""
        if key not in self.read_files:
            self.read_files[key] = super()._read_raw_config(key)
        return self.read_files[key]

    def _files(self, key: str) -> list[Any]:
        """Return the contents of the files of a kind: first base, then the environment."""
        base, environment, *_ = self._read_raw_config(key)
        return [*base.values(), *environment.values()]


FILES = ("read_files", "parameter_files", "catalog_files")
"""Attributes that depend on files only, not on the parameters of a run."""
