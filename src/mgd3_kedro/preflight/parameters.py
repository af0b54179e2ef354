"""Checks of parameters on the command line, and of those that name folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mgd3_kedro.checks import check_count, unknown_name

ONE_PER_CORE = -1
OF_IMAGES = ("data", "bad_images")
"""Parameters about how images are read."""
VARIANTS = (
    "variant",
    "images_variant",
    "modes_variant",
    "latents_variant",
    "test_images_variant",
)
"""Parameters that folders of results are named after, so that other settings have others."""


ON_COMMAND_LINE = (
    *VARIANTS,
    *("images", "results", "earlier", "figures", "sweep", "data", "classes", "teacher", "model"),
)
"""Parameters that the catalog reads from the command line alone; none of them is set without it."""
IN_GLOBALS = (
    *("benchmark", "split", "backbone", "method", "ipc", "seed"),
    *("protocol", "preset", "jobs"),
)
"""Parameters that it reads from the command line or from globals.yml."""


def check_known_parameters(
    given: Mapping[str, Any], known: Mapping[str, Any], group: str = ""
) -> None:
    """Refuse a parameter on the command line that no configuration file has.

    Args:
        given: Parameters of the command line, nested.
        known: Parameters of the configuration files, nested.
        group: What they are nested in, with a full stop.

    Raises:
        ValueError: Naming the parameter and its nearest neighbour.

    Source: ours.
    """
    for name, value in given.items():
        if name not in known:
            family = f"parameter of {group[:-1]}" if group else "parameter"
            raise ValueError(unknown_name(name, known, family))
        if isinstance(value, Mapping):
            if not isinstance(known[name], Mapping):
                raise ValueError(
                    f"{group}{name}: expected one value, got the settings {', '.join(value)}"
                )
            check_known_parameters(value, known[name], f"{group}{name}.")


def check_configured(configured: Mapping[str, Any], shared: Mapping[str, Any]) -> None:
    """Refuse a configuration file that sets what the catalog reads from the command line alone.

    Args:
        configured: Parameters of the configuration files, without those of the command line.
        shared: What globals.yml has, which the catalog reads too.

    Raises:
        ValueError: Naming the parameter and where it can be set.

    Source: ours.
    """
    given = {name: "" for name in ON_COMMAND_LINE if configured.get(name)}
    given |= {name: "in globals.yml or " for name in IN_GLOBALS if configured[name] != shared[name]}
    for name, place in given.items():
        raise ValueError(
            f"{name}: expected it {place}on the command line, as --params "
            f"{name}={configured[name]}, got it in a parameters.yml, where folders of results do "
            "not see it"
        )


def check_used(given: Iterable[str], used: Iterable[str], benchmark: str) -> None:
    """Refuse parameters about images that an environment does not look at.

    Args:
        given: Names of the parameters of the command line.
        used: Those of `OF_IMAGES` among them that change what is read.
        benchmark: Of the environment.

    Raises:
        ValueError: Naming the parameter.

    Source: ours.
    """
    for name in OF_IMAGES:
        if name in given and name not in used:
            raise ValueError(
                f"{name}: expected an environment that reads images from files, got that of "
                f"{benchmark}, which has its own; name another, as --env custom for your images"
            )


def check_run_keys(parameters: Mapping[str, Any], splits: Iterable[str]) -> None:
    """Refuse parameters that folders are named after, or that no stage reads, if they do not fit.

    Args:
        parameters: All parameters.
        splits: Names of the environment's splits; none if it has no choice.

    Raises:
        ValueError: Naming the parameter.

    Source: ours.
    """
    # Together they name a folder: one that is not above the others.
    of_folders = (("benchmark", r"\w[\w.+=-]*"), ("method", r"\w[\w.+=-]*"))
    for name, pattern in (*of_folders, *((v, r"[\w.+=-]*") for v in VARIANTS)):
        if not re.fullmatch(pattern, str(value := parameters.get(name, "x"))):
            raise ValueError(f"{name}: expected letters, digits and any of . + = -, got {value!r}")
    theirs, method = parameters.get("images"), parameters.get("method")
    if theirs is not None and method in parameters.get("methods", ()):
        raise ValueError(
            f"method: expected a name of your own for the images in {theirs}, as method=theirs, "
            f"got {method}, which is a method of this project"
        )
    for name in ("protocol", "preset"):
        if (value := parameters["evaluation"][name]) != parameters[name]:
            raise ValueError(
                f"evaluation.{name}: expected {parameters[name]!r} as {name}, which folders are "
                f"named after, got {value!r}; set {name} instead"
            )
    if (names := list(splits)) and parameters["split"] not in names:
        raise ValueError(unknown_name(parameters["split"], names, "split"))
    if parameters["jobs"] != ONE_PER_CORE:
        check_count("jobs", parameters["jobs"])
