"""Resolution of interpolations and of "auto" precisions in parameters."""

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
"""The group of methods, and the key of a method's description, which is no parameter of a run."""
ENVIRONMENT = {**os.environ}
"""Environment variables at the start; MLflow later adds the store of a run to them."""
RESOLVING = RLock()
"""Lock held while values are resolved, because all threads share the resolvers of OmegaConf."""


def resolve_parameters(parameters: DictConfig, project: Path) -> dict[str, Any]:
    """Return resolved parameters as plain values, without the named settings.

    `${sampling_default:NAME,VALUE}` is the setting that the model in the folder `model` recommends;
    VALUE if it recommends none or there is no such folder. `${smaller:A,B}` is the smaller of two
    numbers and `${product:A,B}` is their product. A precision "auto" becomes that of the device.

    Args:
        parameters: Parameters of all files and of the run, nested.
        project: Folder that relative paths start from.
    """

    def default(name: str, value: Any, *, _root_: DictConfig) -> Any:
        return sampling_default(name, project / str(_root_.model), value)

    numbers = {"smaller": partial(_of_numbers, min), "product": partial(_of_numbers, operator.mul)}
    with RESOLVING:
        register_resolvers({**places_in(project), **numbers, "sampling_default": default})
        plain = plain_values(parameters)
    return settle_precisions(without_names(plain))


def places_in(project: Path) -> dict[str, Callable[..., Any]]:
    """Return the resolvers of `${project:PATH}` and `${environment:NAME,DEFAULT}`.

    Args:
        project: Folder of the project.
    """
    return {"project": lambda path: str(project / path), "environment": ENVIRONMENT.get}


def register_resolvers(resolvers: Mapping[str, Callable[..., Any]]) -> None:
    """Register resolvers of OmegaConf for the whole process; the caller holds `RESOLVING`."""
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def settle_precisions(parameters: Mapping[str, Any], device: str = "") -> dict[str, Any]:
    """Return parameters with "auto" precisions replaced, for the device of their group.

    Args:
        parameters: Parameters, nested.
        device: Device of groups that name none.
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
    """Return the given parameters, with precisions as the run resolved them.

    Args:
        run: Full name -> value of its parameters.
        given: Full name -> value.
    """
    precisions = {name: run[name] for name in given if name.rpartition(".")[2] == PRECISION}
    return {**given, **precisions}


def plain_values(configuration: Any, *, resolve: bool = True) -> dict[str, Any]:
    """Return a configuration as plain values.

    Args:
        configuration: Container of OmegaConf.
        resolve: Whether to resolve interpolations.
    """
    plain: Any = OmegaConf.to_container(configuration, resolve=resolve)
    return dict(plain)


def without_names(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters without the named settings and without descriptions of methods."""
    kept = {name: value for name, value in parameters.items() if name != NAMED}
    if METHODS in kept:
        kept[METHODS] = {name: _unsaid(method) for name, method in kept[METHODS].items()}
    return kept


def _unsaid(method: Any) -> Any:
    if not isinstance(method, Mapping):
        return method
    return {name: value for name, value in method.items() if name != ABOUT}


def _of_numbers(make: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    """Combine two numbers; return a value that is no number unchanged, for its reader to refuse."""
    for value in (one, other):
        if not isinstance(value, int | float):
            return value
    return make(one, other)
