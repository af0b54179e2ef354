"""Labels of methods in tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mgd3_kedro.metrics.comparison import as_text
from mgd3_kedro.metrics.robust import FULL

MEASURED, REPORTED = "measured", "reported"
FURTHER = ("backbone", "configuration")
"""Columns that distinguish methods of the same name and the same settings."""
UNKNOWN = "unknown"


def label_methods(methods: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Return a label for each method: its name and the settings that distinguish it.

    Settings that all methods of the same name share are left out.

    Args:
        methods: `METHOD_KEYS` and `origin` of each method.
    """
    settings = [_settings(method, methods) for method in methods]
    uses = Counter(
        (method["method"], words) for method, words in zip(methods, settings, strict=True)
    )
    labels = []
    for method, words in zip(methods, settings, strict=True):
        name = method["method"]
        further = _differing(method, methods) if uses[name, words] > 1 else ()
        marks = (
            *(("upper bound",) if name == FULL else ()),
            *((REPORTED,) if method["origin"] == REPORTED else ()),
        )
        told = ", ".join((*words, *further, *marks))
        labels.append(f"{name} ({told})" if told else name)
    return labels


def _settings(method: Mapping[Any, Any], methods: Sequence[Mapping[Any, Any]]) -> tuple[str, ...]:
    of_namesakes = [_words(other) for other in methods if other["method"] == method["method"]]
    common = set.intersection(*map(set, of_namesakes))
    return tuple(word for word in _words(method) if word not in common)


def _words(method: Mapping[Any, Any]) -> list[str]:
    return as_text(method["settings"]).split()


def _differing(method: Mapping[Any, Any], methods: Sequence[Mapping[Any, Any]]) -> tuple[str, ...]:
    namesakes = [
        other
        for other in methods
        if other["method"] == method["method"] and _words(other) == _words(method)
    ]
    return tuple(
        f"{key}={as_text(method[key]) or UNKNOWN}"
        for key in FURTHER
        if len({as_text(other[key]) for other in namesakes}) > 1
    )
