"""The parameters that every result depends on, derived from the pipelines and the catalog."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Protocol, get_args

from mgd3_kedro.configured import OTHER_ENTRY, Configured, is_within, references_of
from mgd3_kedro.nesting import flat
from mgd3_kedro.stages import is_neutral, is_selecting
from mgd3_kedro.words import as_words

PARAMETERS = "params:"
METHOD = "method"
"""Parameter that names the method. A path that contains it need not repeat the method's values."""
NEUTRAL = {
    *("device", "executor", "jobs", "workers", "reuse", "leaks", "store"),
    *("results", "figures", "earlier", "trained_prior"),
}
"""Parameters that change no result, only where, how fast or how it is made or shown."""
PLACES = ("filepath", "path", "model")
"""Keys of a catalog entry for the location of its data."""


class MakingNode(Protocol):
    """A node of a pipeline."""

    @property
    def name(self) -> str:
        """Unique name."""

    @property
    def inputs(self) -> list[str]:
        """Catalog entries and parameters it reads."""

    @property
    def outputs(self) -> list[str]:
        """Catalog entries it makes."""


class Lineage:
    """The parameters that every entry of the catalog is made from.

    Args:
        nodes: Nodes of all pipelines; if two make the same entry, the first one counts.
        catalog: Entry, or pattern of entries -> its configuration, unresolved.
        configured: The parameters.
        types: Group of parameters -> dataclass that nodes read it as.
        unread: Parameters that the method of this run does not use.
        aliases: Entry -> another entry with the same location.
        everywhere: Words that every result has.
    """

    def __init__(
        self,
        nodes: Iterable[MakingNode],
        catalog: Mapping[str, Any],
        configured: Configured,
        types: Mapping[str, Any],
        unread: Iterable[str],
        aliases: Mapping[str, str],
        everywhere: Sequence[str] = (),
    ) -> None:
        self._makers: dict[str, MakingNode] = {}
        for node in nodes:
            for name in node.outputs:
                self._makers.setdefault(name, node)
        self._catalog = catalog
        self._patterns = {_as_pattern(name): name for name in catalog if "{" in name}
        self.configured = configured
        self._values = flat(configured.run)
        self._aliases = aliases
        self._everywhere = tuple(everywhere)
        self._read: dict[str, frozenset[str]] = {}
        self._configuring: dict[str, frozenset[str]] = {}
        self.unread_by_method = frozenset(unread)
        self._neutral = _marked(types, is_neutral) | self.unread_by_method
        self._selecting = _marked(types, is_selecting)

    def words(self, entry: str, apart_from: str | None = None) -> list[str]:
        """Return the settings of an entry that differ from the environment, as words.

        Parameters that the entry's path contains are left out.

        Args:
            entry: Name of a catalog entry.
            apart_from: Another entry, whose words are left out.
        """
        other = self.words(apart_from) if apart_from else []
        return [word for word in self._words(self._aliases.get(entry, entry)) if word not in other]

    def parameters(self, entry: str) -> set[str]:
        """Return the full names of the parameters that an entry is made from."""
        entry = self._aliases.get(entry, entry)
        maker = self._makers.get(entry)
        own = self._own(entry, maker) - self._selecting
        return own.union(*(self._ancestry(name) for name in (maker.inputs if maker else ())))

    def configuring(self, name: str) -> frozenset[str]:
        """Return the full names of the parameters in a catalog entry or a parameter group.

        Args:
            name: A catalog entry, for the parameters in its configuration; or `params:GROUP`, for
                the parameters of the group that are read.
        """
        if name not in self._configuring:
            self._configuring[name] = frozenset(self._find(name))
        return self._configuring[name]

    def unread(self, given: Iterable[str], names: Iterable[str]) -> list[str]:
        """Return the given parameters that none of some entries is made from.

        Parameters that change no result, and values equal to the environment's, are left out.

        Args:
            given: Full names of parameters.
            names: Entries of the catalog, and groups of parameters as `params:GROUP`.
        """
        read = set[str]()
        for name in names:
            for one in (name, *self._shown_by(name)):
                read |= self.configuring(one) | self._ancestry(one)
        followers = self.configured.followers
        neutral = self._neutral - self.unread_by_method
        return [
            name
            for name in given
            if (name in followers or name in self.unread_by_method)
            and name not in neutral
            and name.partition(".")[0] not in NEUTRAL
            and not any(is_within(one, read) for one in followers.get(name, {name}))
        ]

    def _find(self, name: str) -> set[str]:
        if not name.startswith(PARAMETERS):
            return set(references_of(self._entry(name), self._catalog, self._values))
        group = name.removeprefix(PARAMETERS)
        return {
            key for key in self._values if key == group or key.startswith(f"{group}.")
        } - self.unread_by_method

    def _shown_by(self, name: str) -> tuple[str, ...]:
        """Return the entry that another one reads, of this run or of others; empty if none."""
        shown = self._entry(name).get(OTHER_ENTRY)
        if shown is None:
            return ()
        found = next((match for one in self._patterns if (match := one(name))), None)
        return (re.sub(r"\{\w+\}", found[1], shown) if found else str(shown),)

    def _words(self, entry: str) -> list[str]:
        read, named = self.parameters(entry), self._named(entry)
        configured = self.configured
        is_of_method = METHOD in named
        differing = configured.differing_from_method if is_of_method else configured.differing
        return [
            *self._everywhere,
            *(
                as_words(configured.short_names.get(key, key), value)
                for key, value in differing.items()
                if key not in named
                and any(is_within(one, read) for one in configured.followers[key])
            ),
        ]

    def _ancestry(self, name: str) -> frozenset[str]:
        """Return the parameters of an entry and of everything that it is made from."""
        name = self._aliases.get(name, name)
        if name not in self._read:
            self._read[name] = frozenset()  # ends the recursion if there is a cycle
            maker = self._makers.get(name)
            found = self._own(name, maker)
            for before in maker.inputs if maker else ():
                found |= self._ancestry(before)
            self._read[name] = frozenset(found)
        return self._read[name]

    def _own(self, name: str, maker: MakingNode | None) -> set[str]:
        """Return the parameters of an entry's configuration and of the node that makes it."""
        if name.startswith(PARAMETERS):
            return set()
        found = set(self.configuring(name))
        for asked in maker.inputs if maker else ():
            if asked.startswith(PARAMETERS):
                found |= self.configuring(asked)
        return {one for one in found - self._neutral if one.partition(".")[0] not in NEUTRAL}

    def _named(self, entry: str) -> set[str]:
        """Return the parameters that the path of an entry contains."""
        configuration = self._entry(entry)
        place = {key: configuration[key] for key in PLACES if key in configuration}
        return set(references_of(place, self._catalog, self._values))

    def _entry(self, name: str) -> Mapping[str, Any]:
        if name in self._catalog:
            found = self._catalog[name]
        else:
            found = next(
                (self._catalog[entry] for one, entry in self._patterns.items() if one(name)), {}
            )
        return found if isinstance(found, Mapping) else {}


def _marked(types: Mapping[str, Any], is_marked: Callable[[Any], bool]) -> set[str]:
    """Return the full names of the parameters whose dataclass field is marked."""
    found = set()
    for name, kind in types.items():
        inner = next((one for one in get_args(kind) if is_dataclass(one)), kind)
        if is_dataclass(inner):
            found |= {f"{name}.{field.name}" for field in fields(inner) if is_marked(field)}
    return found


def _as_pattern(name: str) -> Callable[[str], Any]:
    parts = re.split(r"\{\w+\}", name)
    return re.compile("(.+)".join(map(re.escape, parts))).fullmatch
