"""The configured parameters of a run, and which of them are derived from which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mgd3_kedro.nesting import flat

STORE = "store"
"""Key of a catalog entry for the store that also keeps it."""
OTHER_ENTRY = "entry"
"""Key of a catalog entry for another entry that it reads: of this run, or of all methods."""
NAMED_WITH_GROUP = (
    *("autoencoder", "backbones", "compare", "methods", "mixture", "pretrain"),
    *("student_training", "teacher_training", "redundancy"),
)
"""Groups whose settings are always written with the group's name. Settings of other groups are
written without it, unless another parameter has the same name."""
REFERENCE = re.compile(r"\$\{(?:parameters:)?([\w.]+)\}")
"""Interpolation of a parameter in a text; of nested ones, the innermost is matched first."""
LOCAL = re.compile(r"\$\{(_\w+)\}")
"""Interpolation of a template of the catalog, whose name begins with an underscore."""


@dataclass(frozen=True)
class Configured:
    """Parameters of the environment, of a run, and those that the run was given.

    Args:
        templates: Parameters of the run, nested, before interpolations are resolved.
        environment: Parameters of the environment, nested. A given parameter that by default is
            derived from others has here the value derived from the run's parameters.
        run: Parameters of the run, nested.
        given: Parameters given for the run, full name -> value.
        of_method: Full name -> value that the run's method sets instead of the environment's if
            none is given.
    """

    templates: Mapping[str, Any]
    environment: Mapping[str, Any]
    run: Mapping[str, Any]
    given: Mapping[str, Any]
    of_method: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def differing(self) -> dict[str, Any]:
        """Full name -> value of the run's parameters that differ from the environment."""
        return _differing({**self.of_method, **self.given}, flat(self.environment))

    @cached_property
    def differing_from_method(self) -> dict[str, Any]:
        """Full name -> value of the given parameters that differ from the method's default."""
        return _differing(self.given, {**flat(self.environment), **self.of_method})

    @cached_property
    def short_names(self) -> dict[str, str]:
        """Full name of every parameter -> its name in words, short if that is unambiguous."""
        names = list(flat(self.environment))
        short = {
            name: name.rpartition(".")[2]
            for name in names
            if "." in name and name.partition(".")[0] not in NAMED_WITH_GROUP
        }
        uses = [*short.values(), *(name for name in names if "." not in name)]
        return {
            name: short[name] if name in short and uses.count(short[name]) == 1 else name
            for name in names
        }

    @cached_property
    def followers(self) -> dict[str, set[str]]:
        """Full name of each differing parameter -> parameters derived from it and itself."""
        values = flat(self.run)
        sources = {
            name: set(references(template, values))
            for name, template in flat(self.templates).items()
        }
        found = {name: {name} for name in {**self.differing, **self.differing_from_method}}
        grown = True
        while grown:
            grown = False
            for name, direct in sources.items():
                for theirs in found.values():
                    if name not in theirs and any(is_within(one, theirs) for one in direct):
                        theirs.add(name)
                        grown = True
        return found


def _differing(values: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in sorted(values.items()) if usual.get(key) != value}


def references(template: Any, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the full names of the parameters that a value interpolates.

    Args:
        template: A text with `${a.b}` or `${parameters:a.b}`, which may be nested; other values
            interpolate none.
        values: Full name -> value of all parameters.
    """
    text = template if isinstance(template, str) else ""
    while match := REFERENCE.search(text):
        yield match[1]
        text = f"{text[: match.start()]}{values.get(match[1], '')}{text[match.end() :]}"


def references_of(
    configuration: Any, catalog: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the full names of the parameters that an unresolved catalog entry interpolates."""
    if isinstance(configuration, Mapping):
        for value in configuration.values():
            yield from references_of(value, catalog, values)
    elif isinstance(configuration, str):
        for name in LOCAL.findall(configuration):
            yield from references_of(catalog[name], catalog, values)
        yield from references(configuration, values)


def is_within(name: str, names: Iterable[str]) -> bool:
    """Tell whether some names contain a parameter, its group or a parameter within it."""
    known = names if isinstance(names, (set, frozenset)) else set(names)
    return name in known or any(
        one.startswith(f"{name}.") or name.startswith(f"{one}.") for one in known
    )
