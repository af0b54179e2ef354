"""Names of nodes, which begin with the name of their stage if they have one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

NODE_OPTIONS = frozenset({"node_names", "from_nodes", "to_nodes"})
"""Options of `kedro run` that name nodes."""


def with_stages(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return full names of nodes, with the stage added where it is missing.

    Args:
        names: Short names such as `collect_rows`, or full ones such as `train_eval.collect_rows`.
        known: Full names of all nodes.

    Returns:
        One name for each given one. A name that is unknown or in several stages stays unchanged.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for one in known:
        found[one.rpartition(".")[2]].add(one)
    return [next(iter(found[name])) if len(found[name]) == 1 else name for name in names]
