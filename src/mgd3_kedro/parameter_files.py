"""The parameters of all configuration files, and the parameters of a run derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mgd3_kedro.checks import lookup
from mgd3_kedro.configured import Configured
from mgd3_kedro.named_settings import NAMED, NamedSettings, parameters_of_method
from mgd3_kedro.nesting import flat, nested, over
from mgd3_kedro.resolution import (
    ABOUT,
    METHODS,
    RESOLVING,
    plain_values,
    resolve_parameters,
    settle_precisions,
    settled_in,
    without_names,
)


class ParameterFiles:
    """The parameters of all files of an environment.

    Args:
        merged: Merged parameters of all files, nested, not resolved.
        project: Folder that relative paths start from.
    """

    def __init__(self, merged: DictConfig, project: Path) -> None:
        self._merged = merged
        self._project = project

    @cached_property
    def templates(self) -> dict[str, Any]:
        """The parameters as plain values, not resolved, without the named settings."""
        return without_names(plain_values(self._merged, resolve=False))

    @cached_property
    def named(self) -> NamedSettings:
        """The named settings."""
        return NamedSettings(plain_values(self._merged[NAMED]))

    @cached_property
    def about_methods(self) -> dict[str, str]:
        """Method -> its description, for methods that have one."""
        methods = plain_values(self._merged[METHODS], resolve=False)
        return {name: str(method[ABOUT]) for name, method in methods.items() if ABOUT in method}

    @cached_property
    def of_environment(self) -> dict[str, Any]:
        """The parameters of the environment, resolved."""
        return resolve_parameters(self._merged, self._project)

    def configure(self, given: Mapping[str, Any]) -> Configured:
        """Return the parameters of a run.

        Precedence: given parameters, then the chosen named settings, then the values that the
        method overrides, then the files.

        Args:
            given: Given parameters, nested.

        Raises:
            ValueError: If a backbone or named settings are unknown, or there is no network.
        """
        named = self.named.chosen(over(self.of_environment, given))
        given = over(named, given)
        # Merging plain values takes a third of the time of OmegaConf's merging.
        templates = over(self.templates, given)
        # Checked first, because other parameters are looked up by this name.
        lookup(templates["backbones"], templates["backbone"], "backbone")
        if not (networks := templates["trainings"]["networks"]):
            raise ValueError(f"trainings.networks: expected at least one as [vit], got {networks}")
        of_method = parameters_of_method(templates)
        templates = over(over(self.templates, of_method), given)
        configuration = OmegaConf.create(templates)
        with RESOLVING:
            run = resolve_parameters(configuration, self._project)
            own = self._own(of_method, given, run)
            followed = self._followed(configuration, {**own, **flat(given)})
        followed |= self._seeded(flat(named))
        usual = settle_precisions(over(self.of_environment, nested(followed)))
        # Made absolute here, because the code that reads this path does not know the project.
        if folder := run["pretrain"]["autoencoder"]["given"]:
            run["pretrain"]["autoencoder"]["given"] = str(self._project / folder)
        settled = settled_in(flat(run), flat(given))
        # A value that is given and equals the derived one still follows: what differs from the
        # environment is then the parameter that it is derived from, and results are named so.
        defaults, values = flat(self.templates), flat(usual)
        same = {name for name in followed.keys() & settled if settled[name] == values[name]}
        templates = over(templates, nested({name: defaults[name] for name in same}))
        return Configured(templates, usual, run, settled, own)

    def _own(
        self, of_method: Mapping[str, Any], given: Mapping[str, Any], run: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the values that the method sets for its parameters when these are not given.

        They may be derived from other parameters, so the parameters of the run are needed.
        """
        names = flat(of_method).keys()
        others = {name: value for name, value in flat(given).items() if name not in names}
        if len(others) < len(flat(given)):
            merged = over(over(self.templates, of_method), nested(others))
            run = resolve_parameters(OmegaConf.create(merged), self._project)
        values = flat(run)
        return {name: values[name] for name in names}

    def _followed(self, run: DictConfig, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the derived values of those given parameters that by default follow others."""
        templates = flat(self.templates)
        followed = {}
        for name, value in given.items():
            if "${" in str(templates.get(name)):
                OmegaConf.update(run, name, templates[name])
                followed[name] = OmegaConf.select(run, name)
                OmegaConf.update(run, name, value)
        return followed

    def _seeded(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Return the default templates of named settings that by default follow the seed.

        An unresolved template differs from every value, so all seeds have the same words.
        """
        templates = flat(self.templates)
        return {name: templates[name] for name in named if "${seed}" in str(templates[name])}
