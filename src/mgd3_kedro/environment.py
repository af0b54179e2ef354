"""What a result was made with, beside the code of this package: libraries, device, command."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from mgd3_kedro.code_identity import find_code

TOLD = ("torch", "diffusers", "scikit-learn", "kedro")
"""Distributions whose versions are always told."""
PROCESSORS = Path("/proc/cpuinfo")


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


def environment() -> str:
    """Return Python, the main libraries and the device of this process, as `name=value` words."""
    installed = versions_of(TOLD)
    told = {
        "python": platform.python_version(),
        **{name: installed[name] for name in TOLD if name in installed},
        "device": device_name(),
    }
    return " ".join(f"{name}={'_'.join(value.split())}" for name, value in told.items())


@cache
def device_name() -> str:
    """Return the name of the GPU if PyTorch can use one, else that of the processor."""
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
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
