"""Parameters of a configuration, with what refers to others, or to the machine, in place."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mgd3_kedro.devices import settle_precision
from mgd3_kedro.named_settings import NAMED
from mgd3_kedro.priors import sampling_default

DEVICE, PRECISION = "device", "precision"
METHODS, ABOUT = "methods", "about"
"""The group of methods, and what is said of each, which is no parameter of a run."""
ENVIRONMENT = {**os.environ}
"""As it was at the start: MLflow writes the store of a run into it."""
RESOLVING = RLock()
"""Held while values are resolved: the resolvers of OmegaConf are those of all threads."""


def resolve_parameters(parameters: DictConfig, project: Path) -> dict[str, Any]:
    """Return parameters as plain values, without the settings that have a name.

    `${sampling_default:NAME,VALUE}` is how the model in the folder `model` says that it is sampled,
    VALUE where it does not say, or is no folder; `${smaller:A,B}` the smaller of two numbers, and
    `${product:A,B}` their product. A precision is what "auto" stands for here.

    Args:
        parameters: Nested, of all files and the run.
        project: Folder that relative paths begin at.
    """

    def default(name: str, value: Any, *, _root_: DictConfig) -> Any:
        return sampling_default(name, project / str(_root_.model), value)

    numbers = {"smaller": partial(_of_numbers, min), "product": partial(_of_numbers, operator.mul)}
    with RESOLVING:
        register_resolvers({**places_in(project), **numbers, "sampling_default": default})
        plain = plain_values(parameters)
    return settle_precisions(without_names(plain))


def places_in(project: Path) -> dict[str, Callable[..., Any]]:
    """Return what `${project:PATH}` and `${environment:NAME,DEFAULT}` stand for.

    Args:
        project: Its folder.
    """
    return {"project": lambda path: str(project / path), "environment": ENVIRONMENT.get}


def register_resolvers(resolvers: Mapping[str, Callable[..., Any]]) -> None:
    """Have OmegaConf resolve names so, in the whole process; `RESOLVING` is held meanwhile."""
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def settle_precisions(parameters: Mapping[str, Any], device: str = "") -> dict[str, Any]:
    """Return parameters with what precisions stand for on the device of their group.

    Args:
        parameters: Nested.
        device: Of groups that name none.
    """
    device = str(parameters.get(DEVICE, device))
    settled = dict(parameters)
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            settled[name] = settle_precisions(value, device)
        elif name == PRECISION and isinstance(value, str):
            settled[name] = settle_precision(value, device)
    return settled


def settled_in(run: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given, with precisions as a run has them.

    Args:
        run: Full name -> value of its parameters.
        given: Full name -> value.
    """
    precisions = {name: run[name] for name in given if name.rpartition(".")[2] == PRECISION}
    return {**given, **precisions}


def plain_values(configuration: Any, *, resolve: bool = True) -> dict[str, Any]:
    """Return a configuration as plain values.

    Args:
        configuration: Of OmegaConf.
        resolve: Whether what refers to others is replaced.
    """
    plain: Any = OmegaConf.to_container(configuration, resolve=resolve)
    return dict(plain)


def without_names(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters without the settings that have a name, and what is said of methods."""
    kept = {name: value for name, value in parameters.items() if name != NAMED}
    if METHODS in kept:
        kept[METHODS] = {name: _unsaid(method) for name, method in kept[METHODS].items()}
    return kept


def _unsaid(method: Any) -> Any:
    if not isinstance(method, Mapping):
        return method
    return {name: value for name, value in method.items() if name != ABOUT}


def _of_numbers(make: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    """Return what two numbers make; what is none, so that whatever reads it can refuse it."""
    for value in (one, other):
        if not isinstance(value, int | float):
            return value
    return make(one, other)
