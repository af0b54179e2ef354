"""Identity of what a partition is made from: code, settings and inputs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mgd3_kedro.code_identity import find_code
from mgd3_kedro.stages import Task, deciding_settings

PACKAGE = __name__.split(".", maxsplit=1)[0]
SEEDS = ("seed", "random_state")
"""Names of settings that are seeds: this package's name, and scikit-learn's."""


def digest(*parts: str) -> str:
    """Return the SHA-256 of a sequence of texts, which also depends on where each text ends."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def file_digest(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the names and contents of files, in the given order."""
    total = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def plain_text(settings: Any) -> str:
    """Return settings as canonical JSON, without the fields that change no result or are off."""

    def plain(value: Any) -> Any:
        return deciding_settings(value) if dataclasses.is_dataclass(value) else str(value)

    return json.dumps(settings, sort_keys=True, default=plain)


def code_digest(function: Callable[..., Any], settings: Any) -> str:
    """Return the identity of the code that a function runs with these settings; see `find_code`."""
    return find_code(function, settings).digest


def task_fingerprints(
    function: Callable[..., Any], settings: Any, tasks: Mapping[str, Task]
) -> dict[str, str]:
    """Return the identity of every class of a stage, wnid -> SHA-256.

    Args:
        function: Function that computes the classes.
        settings: Settings of the stage, the same for all classes.
        tasks: wnid -> inputs of the class, not loaded yet.
    """
    made_by = [_name_of(function), code_digest(function, settings), plain_text(settings)]
    return {
        wnid: digest(
            *made_by,
            plain_text(task.about),
            *(f"{name}: {partition.fingerprint}" for name, partition in task.partitions),
        )
        for wnid, task in tasks.items()
    }


def configuration_digest(function: Callable[..., Any], settings: Any, inputs: Iterable[str]) -> str:
    """Return a digest of how something is computed, independent of seeds, data and code.

    Args:
        function: Function that computes it.
        settings: Settings of the function; `SEEDS` do not count.
        inputs: Configuration digests of its inputs, in any order; an unknown one is empty.

    Returns:
        Twelve hexadecimal digits; empty if the configuration of an input is unknown.
    """
    configurations = sorted(set(inputs))
    if "" in configurations:
        return ""
    kept = without_seeds(json.loads(plain_text(settings)))
    return digest(_name_of(function), json.dumps(kept, sort_keys=True), *configurations)[:12]


def _name_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def without_seeds(settings: Any) -> Any:
    """Return nested plain settings without the seeds."""
    if isinstance(settings, dict):
        return {k: without_seeds(value) for k, value in settings.items() if k not in SEEDS}
    return [*map(without_seeds, settings)] if isinstance(settings, list) else settings
