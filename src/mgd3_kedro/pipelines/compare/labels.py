"""What methods are called in tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mgd3_kedro.metrics.comparison import METHOD_KEYS, as_text
from mgd3_kedro.metrics.robust import FULL

MEASURED, REPORTED = "measured", "reported"
NOTHING = "none"
KNOWN_BY = tuple(key for key in METHOD_KEYS if key != "method")


def label_methods(methods: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Name methods, with as many settings as it takes to tell those of one name apart.

    What their folders are called is told only where no setting does.

    Args:
        methods: `METHOD_KEYS`, `variant` and `origin` of each.

    Source: ours.
    """
    settings = [_differing(method, methods, KNOWN_BY) for method in methods]
    uses = Counter(
        (method["method"], words) for method, words in zip(methods, settings, strict=True)
    )
    labels = []
    for method, words in zip(methods, settings, strict=True):
        name = method["method"]
        further = _differing(method, methods, ("variant",)) if uses[name, words] > 1 else ()
        marks = (
            *(("upper bound",) if name == FULL else ()),
            *((REPORTED,) if method["origin"] == REPORTED else ()),
        )
        told = ", ".join((*words, *further, *marks))
        labels.append(f"{name} ({told})" if told else name)
    return labels


def _differing(
    method: Mapping[Any, Any], methods: Sequence[Mapping[Any, Any]], keys: Sequence[str]
) -> tuple[str, ...]:
    namesakes = [other for other in methods if other["method"] == method["method"]]
    return tuple(
        f"{key}={as_text(method[key]) or NOTHING}"
        for key in keys
        if len({as_text(other[key]) for other in namesakes}) > 1
    )
