"""Which results the points of a sweep share, and which need folders of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgd3_kedro.fingerprint import digest
from mgd3_kedro.preflight import MakingNode, place_of


@dataclass(frozen=True)
class Configuration:
    """What a session is configured with.

    Args:
        parameters: Nested.
        entry: Returns the configuration of a catalog entry, empty for one that is kept in memory.
    """

    parameters: Mapping[str, Any]
    entry: Callable[[str], Mapping[str, Any]]

    def place(self, name: str) -> str | None:
        """Return where an entry is kept, None for memory."""
        return place_of(self.entry(name))


class Lineage:
    """What every result is made from, under one configuration.

    Args:
        configuration: Parameters and catalog.
        nodes: Those that run.
        known: Those that may have made what is read, in an earlier session.
    """

    def __init__(
        self,
        configuration: Configuration,
        nodes: Sequence[MakingNode],
        known: Sequence[MakingNode],
    ) -> None:
        self.configuration = configuration
        self._makers = {name: node for node in (*known, *nodes) for name in node.outputs}
        places = {configuration.place(name): name for node in known for name in node.outputs}
        self._made_at = {place: name for place, name in places.items() if place}
        self._identities: dict[str, str] = {}

    def identity(self, name: str) -> str:
        """Return what differs if a value is made from, or is, something else."""
        if name not in self._identities:
            self._identities[name] = self._identify(name)
        return self._identities[name]

    def place(self, name: str) -> str | None:
        """Return where a value is kept, None for memory."""
        return self.configuration.place(name)

    def made(self, names: Iterable[str]) -> set[str]:
        """Return all results that values are made from, themselves included."""
        for name in names:
            self.identity(name)
        return {name for name in self._identities if name in self._makers}

    def _identify(self, name: str) -> str:
        if name == "parameters" or name.startswith("params:"):
            return digest(name, _as_text(self._parameter(name)))
        if maker := self._makers.get(name):
            return digest(name, maker.name, *(self.identity(other) for other in maker.inputs))
        place = self.configuration.place(name)
        if place in self._made_at:
            return digest(name, self.identity(self._made_at[place]))
        return digest(name, _as_text(self.configuration.entry(name)))

    def _parameter(self, name: str) -> Any:
        value: Any = self.configuration.parameters
        for part in name.split(":")[1:2]:
            for key in part.split("."):
                value = value[key]
        return value


@dataclass(frozen=True)
class Sharing:
    """What sets the points apart.

    Args:
        variants: Parameter that folders are named after -> keys of the axes to name in it.
        touched: Node -> keys of the axes it gives other results, or other places, for.
    """

    variants: Mapping[str, tuple[str, ...]]
    touched: Mapping[str, frozenset[str]]


def find_sharing(
    base: Lineage,
    axes: Mapping[str, Sequence[Lineage]],
    marked: Configuration,
    marks: Mapping[str, str],
    nodes: Sequence[MakingNode],
) -> Sharing:
    """Find out which axis changes what, and what tells its folders apart.

    Args:
        base: The first point's.
        axes: Key -> the same with each other value of this axis; with none of it, where an axis
            has one value.
        marked: As for the first point, but each parameter that folders are named after is a mark.
        marks: Such a parameter -> its mark, which nothing else contains.
        nodes: Those that run.

    Raises:
        ValueError: Naming the key whose points would overwrite each other.

    Source: ours.
    """
    outputs = [name for node in nodes for name in node.outputs]
    names = set(outputs)
    for lineage in (base, *(one for others in axes.values() for one in others)):
        names |= lineage.made(outputs)
    changed = {name: _keys(Lineage.identity, name, base, axes) for name in names}
    moved = {name: _keys(Lineage.place, name, base, axes) for name in names}
    kept = [name for name in names if base.place(name)]
    named = {
        name: [variant for variant, mark in marks.items() if mark in str(marked.place(name))]
        for name in kept
    }
    variants: dict[str, tuple[str, ...]] = {}
    for variant in marks:
        apart = {key for n in kept if variant in named[n] for key in changed[n] - moved[n]}
        variants[variant] = tuple(key for key in axes if key in apart)
    for name in kept:
        moved[name] |= {key for variant in named[name] for key in variants[variant]}
    _refuse_overwriting(base, outputs, changed, moved)
    touched = {
        node.name: frozenset(key for name in node.outputs for key in (*changed[name], *moved[name]))
        if all(name in kept for name in node.outputs)
        else frozenset(axes)
        for node in nodes
    }
    return Sharing(variants, touched)


def check_used(
    base: Lineage, axes: Mapping[str, Sequence[Lineage]], nodes: Sequence[MakingNode]
) -> None:
    """Refuse an axis whose values all give the same results.

    Raises:
        ValueError: Naming its key.

    Source: ours.
    """
    outputs = [name for node in nodes for name in node.outputs]
    used = {key for name in outputs for key in _keys(Lineage.identity, name, base, axes)}
    for key in axes:
        if key not in used:
            raise ValueError(f"{key}: expected a parameter that what is run depends on")


def check_apart(configuration: Configuration, nodes: Sequence[MakingNode]) -> None:
    """Refuse nodes that read a folder in which the other points write.

    Raises:
        ValueError: Naming the node and the folder.

    Source: ours.
    """
    outputs = {name for node in nodes for name in node.outputs}
    places = [Path(place) for name in outputs if (place := configuration.place(name))]
    for node in nodes:
        for name in set(node.inputs) - outputs:
            folder = configuration.place(name)
            if folder and any(place.is_relative_to(folder) for place in places):
                raise ValueError(
                    f"{node.name}: expected nodes that read what their own point made, got one "
                    f"that reads all of {folder}; run it when the sweep is done"
                )


def _keys(
    measure: Callable[[Lineage, str], Any],
    name: str,
    base: Lineage,
    others: Mapping[str, Sequence[Lineage]],
) -> set[str]:
    """Return the keys under which a value measures anything else than at the first point."""
    first = measure(base, name)
    return {key for key, ones in others.items() if any(measure(o, name) != first for o in ones)}


def _refuse_overwriting(
    base: Lineage,
    outputs: Iterable[str],
    changed: Mapping[str, set[str]],
    moved: Mapping[str, set[str]],
) -> None:
    for name in outputs:
        place = base.place(name)
        if place and (lost := sorted(changed[name] - moved[name])):
            raise ValueError(
                f"{lost[0]}: expected a parameter whose results have a folder for every value, "
                f"but {place} has one place"
            )


def _as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
