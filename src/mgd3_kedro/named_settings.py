"""Named settings: groups of settings that one parameter chooses by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mgd3_kedro.checks import lookup, unknown_name
from mgd3_kedro.nesting import configured_as, flat, nested

CHOOSER, NAMED = "settings", "named_settings"
"""The parameter that chooses named settings, and the parameter that defines them."""
EVERYWHERE = "all"
"""Key of the settings that apply to all backbones."""
OF_METHODS = ("modes", "diffusion", "trainings")
"""Groups of parameters that a method may override."""


def parameters_of_method(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that the method of a run overrides, nested.

    Args:
        parameters: Parameters of the run, nested; `method` and `methods` are read.

    Raises:
        ValueError: If the method overrides an unknown parameter.
    """
    entry = parameters["methods"].get(parameters["method"])
    if not isinstance(entry, Mapping):
        return {}
    own = {group: dict(entry[group]) for group in OF_METHODS if group in entry}
    for group, settings in own.items():
        for name in settings:
            if name not in parameters[group]:
                told = unknown_name(name, parameters[group], f"parameter of {group}")
                raise ValueError(f"methods.{parameters['method']}.{group}: {told}")
    return own


def without_parameters(method: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a method without the parameters that it overrides."""
    return {name: value for name, value in method.items() if name not in OF_METHODS}


@dataclass(frozen=True)
class NamedSettings:
    """The named settings of the configuration.

    Args:
        table: Name -> `all` or a backbone -> full name of a parameter -> value.
    """

    table: Mapping[str, Mapping[str, Mapping[str, Any]]]

    def chosen(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of the chosen named settings, nested; empty if none are chosen.

        Args:
            parameters: Parameters of the run, nested; `settings` and `backbone` are read.

        Raises:
            ValueError: If there are no settings with this name.
        """
        return nested(self._chosen(parameters))

    def describe(
        self, run: Mapping[str, Any], environment: Mapping[str, Any], given: Collection[str]
    ) -> list[str]:
        """Return a line for each parameter that the chosen named settings change.

        Explicitly given parameters take precedence over named settings and have no line.

        Args:
            run: Parameters of the run, nested.
            environment: Parameters without the named settings, nested.
            given: Full names of the explicitly given parameters.
        """
        usual = flat(environment)
        return [
            f"settings={run[CHOOSER]}: {name}={configured_as(value)} "
            f"(without it: {configured_as(usual[name])})"
            for name, value in self._chosen(run).items()
            if name not in given and value != usual[name]
        ]

    def _chosen(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if (name := parameters[CHOOSER]) is None:
            return {}
        if not isinstance(name, str):
            raise ValueError(f"{CHOOSER}: expected one of {', '.join(self.table)}, got {name!r}")
        groups = lookup(self.table, name, "settings")
        return {
            parameter: value
            for group in (EVERYWHERE, parameters["backbone"])
            for parameter, value in groups.get(group, {}).items()
        }
