"""Names of nodes, which begin with that of their stage where they have one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

NODE_OPTIONS = frozenset({"node_names", "from_nodes", "to_nodes"})
"""Options of `kedro run` that name nodes."""


def with_stages(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return names with the stage before those that were given without it.

    Args:
        names: `collect_rows`, or in full `train_eval.collect_rows`.
        known: Names of nodes, in full.

    Returns:
        The same number; what is unknown, or is in several stages, as it was given.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for one in known:
        found[one.rpartition(".")[2]].add(one)
    return [next(iter(found[name])) if len(found[name]) == 1 else name for name in names]
