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
        real_each: Real images that one distilled image is made from. A class gets at most its
            number of real images divided by `real_each`, but at least one image.

    Returns:
        wnid -> 1 or more, in the given order.

    Raises:
        ValueError: If the balance is unknown.
    """
    most = {wnid: max(1, count // real_each) for wnid, count in real.items()}
    return lookup(BALANCES, balance, "balance")(real, most, ipc)


def allot_equally(real: Mapping[str, int], most: Mapping[str, int], ipc: int) -> dict[str, int]:
    """Give every class `ipc` images, or its maximum if that is smaller."""
    return {wnid: min(ipc, most[wnid]) for wnid in real}


def allot_by_share(real: Mapping[str, int], most: Mapping[str, int], ipc: int) -> dict[str, int]:
    """Give every class images in proportion to its real ones, at least one, `ipc` on average.

    Seats of a parliament are given to parties in this way. A larger `ipc` gives no class fewer.

    Source: Balinski and Young, Fair Representation, 1982: Webster's method, from one seat each.
    """
    wanted = dict.fromkeys(real, 1)
    # A heap of (-quotient, place, wnid): the largest quotient is next; of equal ones, the first.
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
"""Name -> function: (real images per class, maximum per class, ipc) -> images per class."""
