"""Checks of parameters on the command line, and of those that name folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mgd3_kedro.checks import check_count, unknown_name

ONE_PER_CORE = -1
VARIANTS = (
    "variant",
    "images_variant",
    "modes_variant",
    "latents_variant",
    "test_images_variant",
)
"""Parameters that folders of results are named after, so that other settings have others."""


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
    for name, pattern in (("method", r"\w[\w.+=-]*"), *((v, r"[\w.+=-]*") for v in VARIANTS)):
        if not re.fullmatch(pattern, str(value := parameters.get(name, ""))):
            raise ValueError(f"{name}: expected letters, digits and any of . + = -, got {value!r}")
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
