"""Settings that go together and have a name: one parameter chooses them all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mgd3_kedro.checks import lookup, unknown_name
from mgd3_kedro.nesting import configured_as, flat, nested

CHOOSER, NAMED = "settings", "named_settings"
"""The parameter that chooses, and the one that has what there is to choose."""
EVERYWHERE = "all"
"""What settings of all backbones are under."""
OF_METHODS = ("modes", "diffusion", "trainings")
"""Groups of parameters that a method may have values of its own for."""


def parameters_of_method(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that the method of a run has values of its own for, nested.

    Args:
        parameters: Of the run, nested: `method` and `methods` count.

    Raises:
        ValueError: If there is no parameter of that name.
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
    """Return the settings of a method without the parameters that it has values of its own for."""
    return {name: value for name, value in method.items() if name not in OF_METHODS}


@dataclass(frozen=True)
class NamedSettings:
    """The settings that have a name.

    Args:
        table: Name -> `all` or a backbone -> full name of a parameter -> value.
    """

    table: Mapping[str, Mapping[str, Mapping[str, Any]]]

    def chosen(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that were chosen by name, nested; none where no name was given.

        Args:
            parameters: Of the run, nested: `settings` and `backbone` count.

        Raises:
            ValueError: If there are no settings of that name.
        """
        return nested(self._chosen(parameters))

    def describe(
        self, run: Mapping[str, Any], environment: Mapping[str, Any], given: Collection[str]
    ) -> list[str]:
        """Return a line for each parameter that has another value than without the name.

        What was given beside the name counts more, and is not told.

        Args:
            run: Parameters of the run, nested.
            environment: Those of the run without the name, nested.
            given: Full names of those that were given beside it.
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
