"""The parameters of all files, and what a run makes of them."""

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
        merged: Nested, of all files, not resolved.
        project: Folder that relative paths begin at.
    """

    def __init__(self, merged: DictConfig, project: Path) -> None:
        self._merged = merged
        self._project = project

    @cached_property
    def templates(self) -> dict[str, Any]:
        """The parameters as plain values, not resolved, without the settings that have a name."""
        return without_names(plain_values(self._merged, resolve=False))

    @cached_property
    def named(self) -> NamedSettings:
        """The settings that have a name."""
        return NamedSettings(plain_values(self._merged[NAMED]))

    @cached_property
    def about_methods(self) -> dict[str, str]:
        """Method -> what is said of it, of those of which something is."""
        methods = plain_values(self._merged[METHODS], resolve=False)
        return {name: str(method[ABOUT]) for name, method in methods.items() if ABOUT in method}

    @cached_property
    def of_environment(self) -> dict[str, Any]:
        """The parameters of the environment, resolved."""
        return resolve_parameters(self._merged, self._project)

    def configure(self, given: Mapping[str, Any]) -> Configured:
        """Return the parameters of a run.

        What is given counts most; then the settings that are chosen by name, what the method has of
        its own, and the files.

        Args:
            given: Nested, by hand.

        Raises:
            ValueError: Naming a backbone or settings that are unknown, or if no network is left.
        """
        named = self.named.chosen(over(self.of_environment, given))
        given = over(named, given)
        # Of plain values, which takes a third of the time that OmegaConf's merging does.
        templates = over(self.templates, given)
        # First: what else is configured is looked up under this name.
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
        # The catalog knows where the project is; what reads this path does not.
        if folder := run["pretrain"]["autoencoder"]["given"]:
            run["pretrain"]["autoencoder"]["given"] = str(self._project / folder)
        settled = settled_in(flat(run), flat(given))
        return Configured(templates, usual, run, settled, own)

    def _own(
        self, of_method: Mapping[str, Any], given: Mapping[str, Any], run: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what a method has of its own, as it is where nothing of it is given.

        It may follow other parameters, so that a run says what it is.
        """
        names = flat(of_method).keys()
        others = {name: value for name, value in flat(given).items() if name not in names}
        if len(others) < len(flat(given)):
            merged = over(over(self.templates, of_method), nested(others))
            run = resolve_parameters(OmegaConf.create(merged), self._project)
        values = flat(run)
        return {name: values[name] for name in names}

    def _followed(self, run: DictConfig, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what each given parameter that follows others would be, were it not given."""
        templates = flat(self.templates)
        followed = {}
        for name, value in given.items():
            if "${" in str(templates.get(name)):
                OmegaConf.update(run, name, templates[name])
                followed[name] = OmegaConf.select(run, name)
                OmegaConf.update(run, name, value)
        return followed

    def _seeded(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Return the templates of named settings that follow the seed without their name.

        They differ whatever the seed is, so that all seeds have the same words.
        """
        templates = flat(self.templates)
        return {name: templates[name] for name in named if "${seed}" in str(templates[name])}
