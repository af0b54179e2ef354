"""Locations that the nodes of a run read and write, and a check of their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mgd3_kedro.lineage import PLACES, MakingNode


def place_of(entry: Mapping[str, Any]) -> str | None:
    """Return the location of a catalog entry; None for memory."""
    return next((str(entry[key]) for key in PLACES if entry.get(key)), None)


def check_order(nodes: Iterable[MakingNode], place: Callable[[str], str | None]) -> None:
    """Refuse a node that reads a location that another one writes, if neither waits for the other.

    Kedro orders nodes by the names of catalog entries. If one location has two names, a node could
    read what an earlier run left there.

    Args:
        nodes: All nodes of the run.
        place: Name of a catalog entry -> its location, None for memory.

    Raises:
        ValueError: If there are such nodes; the message names both and the location.
    """
    known = list(nodes)
    makers = {name: node for node in known for name in node.outputs}
    written = {name: where for name in makers if (where := place(name))}
    for reader in known:
        for name in reader.inputs:
            folder = None if name in makers or name.startswith("param") else place(name)
            for output, where in written.items() if folder else ():
                writer = makers[output]
                if Path(where).is_relative_to(folder or "") and not _ordered(
                    reader, writer, makers
                ):
                    raise ValueError(
                        f"pipelines: {reader.name} would read {folder} before {writer.name} of "
                        "the same run writes it; run the pipelines one after the other, or run "
                        "one that contains both, such as distill"
                    )


def _ordered(one: MakingNode, other: MakingNode, makers: Mapping[str, MakingNode]) -> bool:
    return one is other or _waits(one, other, makers) or _waits(other, one, makers)


def _waits(node: MakingNode, other: MakingNode, makers: Mapping[str, MakingNode]) -> bool:
    before = [makers[name] for name in node.inputs if name in makers]
    return any(one is other or _waits(one, other, makers) for one in before)
