"""What a result was made with, beside the code of this package: libraries, device, command."""

from __future__ import annotations

import dataclasses
import platform
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from mgd3_kedro.code_identity import find_code

TOLD = ("torch", "diffusers", "scikit-learn", "kedro")
"""Distributions whose versions are always recorded."""
PROCESSORS = Path("/proc/cpuinfo")
BEST = "auto"
"""Name of the default device: an accelerator if there is one, else the CPU."""
PRECISION = "precision"


def libraries_of(function: Callable[..., Any], settings: Any) -> dict[str, str]:
    """Return distribution -> version of the libraries that a function uses with these settings.

    Only libraries that the code itself imports count, not their dependencies.
    """
    found = map(_distribution_of, find_code(function, settings).libraries)
    return versions_of(name for name in found if name)


def versions_of(distributions: Iterable[str]) -> dict[str, str]:
    """Return distribution -> version, in order of names, without those not installed here."""
    versions = {name: version_of(name) for name in sorted(set(distributions))}
    return {name: version for name, version in versions.items() if version is not None}


@cache
def version_of(distribution: str) -> str | None:
    """Return the version of a distribution, None if it is not installed; cached, as it is slow."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def environment(devices: Iterable[str] = (BEST,), precisions: Sequence[str] = ()) -> str:
    """Return versions of Python and main libraries, and the devices, as `name=value` words.

    Args:
        devices: Names of the devices, as in settings.
        precisions: Precisions of the computation; empty if unknown, then there is no word.
    """
    installed = versions_of(TOLD)
    told = {
        "python": platform.python_version(),
        **{name: installed[name] for name in TOLD if name in installed},
        "device": "+".join(dict.fromkeys(map(device_name, devices))),
        **({PRECISION: "+".join(precisions)} if precisions else {}),
    }
    return " ".join(f"{name}={'_'.join(value.split())}" for name, value in told.items())


def without_precision(words: str) -> str:
    """Return words of `environment` without the precision."""
    return " ".join(word for word in words.split() if not word.startswith(f"{PRECISION}="))


def devices_of(settings: Any) -> list[str]:
    """Return the names of the devices in nested settings; the CPU if they name none."""
    return [*dict.fromkeys(_texts_in(settings, "device"))] or ["cpu"]


def precisions_of(settings: Any) -> list[str]:
    """Return the names of the precisions in nested settings."""
    return [*dict.fromkeys(_texts_in(settings, PRECISION))]


def _texts_in(value: Any, name: str) -> Iterator[str]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            if field.name == name and isinstance(inner, str):
                yield inner
            else:
                yield from _texts_in(inner, name)
    elif isinstance(value, Mapping):
        yield from (text for inner in value.values() for text in _texts_in(inner, name))
    elif isinstance(value, list | tuple):
        yield from (text for inner in value for text in _texts_in(inner, name))


@cache
def device_name(name: str = BEST) -> str:
    """Return the maker's name of a device: the model of the GPU or of the CPU."""
    import torch

    from mgd3_kedro.devices import resolve_device

    device = resolve_device(name)
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return _processor() if device.type == "cpu" else f"{_processor()} ({device.type})"


def _processor() -> str:
    try:
        described = PROCESSORS.read_text(encoding="utf-8")
    except OSError:
        described = ""
    named = re.search(r"^model name\s*:\s*(\S.*?)\s*$", described, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


def command() -> str:
    """Return the command of this process as one would type it, e.g. `kedro run --env=mnist`."""
    program, *arguments = sys.argv or [""]
    path = Path(program)
    # For "python -m kedro", argv[0] is the path of __main__.py, or this whole text.
    name = path.parent.name if path.name == "__main__.py" else path.name.rpartition(" ")[2]
    return shlex.join([name, *arguments])


@cache
def _distribution_of(module: str) -> str | None:
    """Return the distribution that installs a top-level module; None if there is none."""
    try:
        return _normal(metadata.distribution(module).name)
    except metadata.PackageNotFoundError:
        installers = _installers().get(module)
    return _normal(installers[0]) if installers else None


@cache
def _installers() -> dict[str, list[str]]:
    return {name: sorted(found) for name, found in metadata.packages_distributions().items()}


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
