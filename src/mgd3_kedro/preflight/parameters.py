"""Checks of parameters on the command line, and of parameters that paths contain."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from typing import Any

from mgd3_kedro.checks import check_count, check_name, lookup, unknown_name
from mgd3_kedro.configured import Configured, references
from mgd3_kedro.executors import ExecutorConfig, check_workers
from mgd3_kedro.nesting import flat

SHARING_RUNNERS = ("ParallelRunner", "ThreadRunner")
"""Runners of Kedro that run several nodes at once."""
COUNTS = {"ipc": (1, math.inf), "seed": (0, 2**32 - 1), "image_size": (1, math.inf)}
"""Parameter that several groups follow -> its least and its largest value."""
OF_IMAGES = ("data", "bad_images", "leaks")
"""Parameters that say how images are read."""


def check_known_parameters(
    given: Mapping[str, Any], known: Mapping[str, Any], group: str = ""
) -> None:
    """Refuse a parameter on the command line that no configuration file has.

    Args:
        given: Parameters of the command line, nested.
        known: Parameters of the configuration files, nested.
        group: Prefix of their full names, which ends with a dot.

    Raises:
        ValueError: If a parameter is unknown, or a group is given for a parameter with one value;
            the message names it, and the most similar known name.
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


def check_used(given: Iterable[str], used: Container[str], environment: str) -> None:
    """Refuse parameters about images that an environment does not use.

    Args:
        given: Names of the parameters of the command line.
        used: Names of the parameters that the images are read with.
        environment: Name of the environment.

    Raises:
        ValueError: If a parameter is not used; the message names it.
    """
    for name in OF_IMAGES:
        if name in given and name not in used:
            raise ValueError(
                f"{name}: expected an environment that reads images from files, got "
                f"{environment}, which has its own images; choose another, such as --env custom "
                "for your images"
            )


def check_counts(parameters: Mapping[str, Any]) -> None:
    """Refuse invalid numbers that settings of several stages follow.

    They are checked here so that the message names the parameter, not a setting that follows it.

    Raises:
        ValueError: If a number is invalid; the message names the parameter.
    """
    for name, (least, most) in COUNTS.items():
        check_count(name, parameters[name], least, most)


def check_sources(configured: Configured, name: str) -> None:
    """Refuse invalid numbers that a parameter is derived from.

    They are checked here so that the message names them, not the derived parameter.

    Args:
        configured: The parameters of a run.
        name: Full name of the derived parameter, a number of 1 or more.

    Raises:
        ValueError: If one is not a whole number of 1 or more; the message names the first one.
    """
    run = flat(configured.run)
    for source in references(flat(configured.templates)[name], run):
        check_count(source, run[source])


def check_runner(runner: str) -> None:
    """Refuse runners that run several nodes at once.

    Nodes in one process share PyTorch's random generators, the device and its memory. Nodes in
    other processes run without the hooks of this one.

    Args:
        runner: The runner as Kedro writes it.

    Raises:
        ValueError: If it is such a runner; the message says how to divide work instead.
    """
    if found := next((name for name in SHARING_RUNNERS if name in runner), None):
        raise ValueError(
            "runner: expected SequentialRunner, as parallel nodes would share random generators "
            f"and the device, got {found}; for parallel work, use --params jobs=N in a run, or "
            "kedro sweep --jobs N for several runs"
        )


def check_protocol(protocol: str) -> None:
    """Refuse an unknown protocol, even in runs that train nothing.

    Raises:
        ValueError: If it is unknown; the message lists the known ones.
    """
    from mgd3_kedro.evaluation.protocols import PROTOCOLS

    lookup(PROTOCOLS, protocol, "protocol")


def check_run_keys(parameters: Mapping[str, Any]) -> None:
    """Refuse invalid parameters among those that paths contain, or that no stage reads.

    Args:
        parameters: All parameters, nested.

    Raises:
        ValueError: If a parameter is invalid; the message names it.
    """
    for name in ("benchmark", "method"):
        check_name(name, str(parameters[name]))
    theirs, method = parameters["images"], parameters["method"]
    if theirs is not None and method in parameters["methods"]:
        raise ValueError(
            f"method: expected a new name for the images in {theirs}, such as method=theirs, got "
            f"{method}, which is a method of this project"
        )
    for name in ("protocol", "preset"):
        if (value := parameters["evaluation"][name]) != parameters[name]:
            raise ValueError(
                f"evaluation.{name}: expected {parameters[name]!r}, the value of {name}, which "
                f"names of folders contain, got {value!r}; set {name} instead"
            )
    lookup(parameters["splits"], parameters["split"], "split")
    numbers = {f"workers.{name}": number for name, number in parameters["workers"].items()}
    for name, number in {"jobs": parameters["jobs"], **numbers}.items():
        check_workers(name, number)
    ExecutorConfig(**parameters["executor"])
