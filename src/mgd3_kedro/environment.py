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
"""Distributions whose versions are always told."""
PROCESSORS = Path("/proc/cpuinfo")
BEST = "auto"
"""Device that PyTorch computes on where settings do not say which."""
PRECISION = "precision"


def libraries_of(function: Callable[..., Any], settings: Any) -> dict[str, str]:
    """Return distribution -> version of the libraries that a function uses with these settings.

    These are the ones that its code imports itself, not what they need in turn.
    """
    found = map(_distribution_of, find_code(function, settings).libraries)
    return versions_of(name for name in found if name)


def versions_of(distributions: Iterable[str]) -> dict[str, str]:
    """Return distribution -> version, in order of names, without those not installed here."""
    versions = {name: version_of(name) for name in sorted(set(distributions))}
    return {name: version for name, version in versions.items() if version is not None}


@cache
def version_of(distribution: str) -> str | None:
    """Return the installed version of a distribution, None if there is none; slow to read."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def environment(devices: Iterable[str] = (BEST,), precisions: Sequence[str] = ()) -> str:
    """Return Python, the main libraries and the devices that compute, as `name=value` words.

    Args:
        devices: Their names, as settings have them.
        precisions: What they compute in; none is told where it is not known.
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
    """Return what `environment` returns, of the libraries and the devices alone."""
    return " ".join(word for word in words.split() if not word.startswith(f"{PRECISION}="))


def devices_of(settings: Any) -> list[str]:
    """Return the names of the devices that settings have, nested; the CPU where they have none."""
    return [*dict.fromkeys(_texts_in(settings, "device"))] or ["cpu"]


def precisions_of(settings: Any) -> list[str]:
    """Return the names of the precisions that settings have, nested."""
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
    """Return what a device is called by its maker: a GPU, or the processor."""
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
    # Of "python -m kedro", too, which may be all of the first word.
    name = path.parent.name if path.name == "__main__.py" else path.name.rpartition(" ")[2]
    return shlex.join([name, *arguments])


@cache
def _distribution_of(module: str) -> str | None:
    """Return what installs a top-level module; None if nothing does."""
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
