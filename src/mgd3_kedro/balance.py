"""How many images each class gets where classes differ in size."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

from mgd3_kedro.checks import lookup


def allot_images(
    real: Mapping[str, int], ipc: int, balance: str, real_each: int = 1
) -> dict[str, int]:
    """Return how many images to make of every class.

    Args:
        real: wnid -> number of its real images.
        ipc: Images per class, on average.
        balance: A name of `BALANCES`.
        real_each: Real images that every image is made from: no class gets more images than its
            own are enough for, but one.

    Returns:
        wnid -> 1 or more, in the given order.

    Raises:
        ValueError: If the balance is unknown.
    """
    most = {wnid: max(1, count // real_each) for wnid, count in real.items()}
    return lookup(BALANCES, balance, "balance")(real, most, ipc)


def allot_equally(real: Mapping[str, int], most: Mapping[str, int], ipc: int) -> dict[str, int]:
    """Give every class the same number, or the most that it can have."""
    return {wnid: min(ipc, most[wnid]) for wnid in real}


def allot_by_share(real: Mapping[str, int], most: Mapping[str, int], ipc: int) -> dict[str, int]:
    """Give every class images in proportion to its real ones, at least one, `ipc` on average.

    Seats of a parliament are given to parties so. With a larger `ipc` no class has fewer.

    Source: Balinski and Young, Fair Representation, 1982: Webster's method, from one seat each.
    """
    wanted = dict.fromkeys(real, 1)
    # Least first: the class that is furthest behind; of several, the first.
    behind = [(-count / 3, place, wnid) for place, (wnid, count) in enumerate(real.items())]
    behind = [entry for entry in behind if most[entry[2]] > 1]
    heapq.heapify(behind)
    for _ in range((ipc - 1) * len(real)):
        if not behind:
            break
        _, place, wnid = behind[0]
        wanted[wnid] += 1
        if wanted[wnid] < most[wnid]:
            heapq.heapreplace(behind, (-real[wnid] / (2 * wanted[wnid] + 1), place, wnid))
        else:
            heapq.heappop(behind)
    return wanted


BALANCES: dict[str, Callable[[Mapping[str, int], Mapping[str, int], int], dict[str, int]]] = {
    "equal": allot_equally,
    "share": allot_by_share,
}
"""Name -> (real images of every class, the most it can have, ipc) -> images of every class."""
