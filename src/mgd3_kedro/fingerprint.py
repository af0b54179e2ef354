"""Identity of what a partition is made from: code, settings and inputs."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from mgd3_kedro.stages import plain_settings

PACKAGE = __name__.split(".", maxsplit=1)[0]
SEEDS = ("seed", "random_state")
"""Settings that seeds are called by: this package's name, and scikit-learn's."""


def digest(*parts: str) -> str:
    """Return the SHA-256 of texts, none of which can run into the next.

    Source: ours.
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def file_digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the names and contents of files, in the given order.

    Source: ours.
    """
    total = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def plain_text(settings: Any) -> str:
    """Return settings as canonical JSON, without the fields that change no result.

    Source: ours.
    """

    def plain(value: Any) -> Any:
        return plain_settings(value) if dataclasses.is_dataclass(value) else str(value)

    return json.dumps(settings, sort_keys=True, default=plain)


def task_fingerprint(
    function: Callable[..., Any], settings: Any, about: Any, inputs: Iterable[str]
) -> str:
    """Return the identity of one class of a stage.

    Args:
        function: What computes it.
        settings: The same for all classes of the stage.
        about: Facts of this class.
        inputs: Fingerprints of the partitions it is computed from.

    Source: ours.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    source = source_digest(function.__module__)
    return digest(name, source, plain_text(settings), plain_text(about), *inputs)


def configuration_digest(function: Callable[..., Any], settings: Any, inputs: Iterable[str]) -> str:
    """Return what tells how something is computed, whatever the seeds, the data and the code.

    Args:
        function: What computes it.
        settings: `SEEDS` do not count.
        inputs: Configurations of what it is computed from, in any order; empty ones are not known.

    Returns:
        Twelve digits; nothing if some configuration is not known.

    Source: ours.
    """
    configurations = sorted(set(inputs))
    if "" in configurations:
        return ""
    kept = _without_seeds(json.loads(plain_text(settings)))
    name = f"{function.__module__}.{function.__qualname__}"
    return digest(name, json.dumps(kept, sort_keys=True), *configurations)[:12]


def _without_seeds(settings: Any) -> Any:
    if isinstance(settings, dict):
        return {k: _without_seeds(value) for k, value in settings.items() if k not in SEEDS}
    return [*map(_without_seeds, settings)] if isinstance(settings, list) else settings


@cache
def source_digest(module: str) -> str:
    """Return the SHA-256 of a module's source and of all modules of this package it imports.

    A change anywhere else leaves what this module has made valid.

    Source: ours.
    """
    seen: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        found = importlib.util.find_spec(name)
        if name in seen or found is None or not found.origin:
            continue
        seen[name] = Path(found.origin).read_text()
        for node in ast.walk(ast.parse(seen[name])):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += [
                    candidate
                    for candidate in (node.module, *(f"{node.module}.{a.name}" for a in node.names))
                    if candidate.startswith(f"{PACKAGE}.") and _is_module(candidate)
                ]
    return digest(*(part for name in sorted(seen) for part in (name, seen[name])))


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
