"""Parameters as they are configured for a run, and which of them follow which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mgd3_kedro.nesting import flat

TOLD_IN_FULL = (
    *("autoencoder", "backbones", "compare", "methods", "mixture", "pretrain"),
    *("student_training", "teacher_training", "redundancy"),
)
"""Groups whose settings are told with the group's name; those of others by their own name, where no
other has it."""
REFERENCE = re.compile(r"\$\{(?:parameters:)?([\w.]+)\}")
"""A parameter's value within a text; the innermost first."""
LOCAL = re.compile(r"\$\{(_\w+)\}")
"""What the catalog gives a name of its own."""


@dataclass(frozen=True)
class Configured:
    """Parameters as the environment has them, as a run has them, and what the run was given.

    Args:
        templates: Nested, of a run, before interpolations are resolved.
        environment: Nested, without what the run was given; what was given and follows others as it
            follows those of the run.
        run: Nested.
        given: Full name -> value.
        of_method: Full name -> value that the method of the run has in the place of the
            environment's, where none is given.
    """

    templates: Mapping[str, Any]
    environment: Mapping[str, Any]
    run: Mapping[str, Any]
    given: Mapping[str, Any]
    of_method: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def differing(self) -> dict[str, Any]:
        """Full name -> value of what the run has and is not what the environment has."""
        return _differing({**self.of_method, **self.given}, flat(self.environment))

    @cached_property
    def differing_from_method(self) -> dict[str, Any]:
        """Full name -> value of what was given and is not what the method has without it."""
        return _differing(self.given, {**flat(self.environment), **self.of_method})

    @cached_property
    def short_names(self) -> dict[str, str]:
        """Full name of every parameter -> what it is called in words."""
        names = list(flat(self.environment))
        short = {
            name: name.rpartition(".")[2]
            for name in names
            if "." in name and name.partition(".")[0] not in TOLD_IN_FULL
        }
        uses = [*short.values(), *(name for name in names if "." not in name)]
        return {
            name: short[name] if name in short and uses.count(short[name]) == 1 else name
            for name in names
        }

    @cached_property
    def followers(self) -> dict[str, set[str]]:
        """Full name of a parameter -> those whose values are made from it, itself included."""
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
    """Yield the full names of the parameters that a value is made from.

    Args:
        template: A text with `${a.b}` or `${parameters:a.b}` in it, which may be nested; other
            values have none.
        values: Full name -> value.
    """
    text = template if isinstance(template, str) else ""
    while match := REFERENCE.search(text):
        yield match[1]
        text = f"{text[: match.start()]}{values.get(match[1], '')}{text[match.end() :]}"


def references_of(
    configuration: Any, catalog: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the full names of the parameters that a catalog entry, unresolved, is made from."""
    if isinstance(configuration, Mapping):
        for value in configuration.values():
            yield from references_of(value, catalog, values)
    elif isinstance(configuration, str):
        for name in LOCAL.findall(configuration):
            yield from references_of(catalog[name], catalog, values)
        yield from references(configuration, values)


def is_within(name: str, names: Iterable[str]) -> bool:
    """Tell whether a parameter, or the group it is in, or one in it, is among some."""
    known = names if isinstance(names, (set, frozenset)) else set(names)
    return name in known or any(
        one.startswith(f"{name}.") or name.startswith(f"{one}.") for one in known
    )
