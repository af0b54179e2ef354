"""Checks of the points of a sweep before any of them starts."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession
from kedro.validation.parameter_validator import ParameterValidator

from mgd3_kedro.preflight import check_inputs
from mgd3_kedro.run_checks import check_run
from mgd3_kedro.sweep.plan import Point, datasets_of

CHEAP = {"benchmark", "teacher"}
"""Inputs, besides parameters, that are read for every value of an axis; all others take long."""
PARAMETER = "params:"
LEAKS = "leaks"
"""Parameter that says how test images are searched for among train images."""


def check_points(points: Sequence[Point], project: Path, known: Collection[Point] = ()) -> None:
    """Check every value of every axis with the checks that are fast.

    Args:
        points: All points.
        project: Folder of the project.
        known: Points that need no run, so their inputs are not checked.

    Raises:
        ValueError: If a value is not valid, or an axis changes no result; the message names it.
    """
    trained: set[str] = set()
    for _, group in itertools.groupby(points, key=lambda point: point.number):
        ones = list(group)
        seen: set[tuple[str, str]] = set()
        for point in ones:
            own = {(axis, repr(value)) for axis, value in point.values.items()}
            if point not in known and (not own or own - seen):
                _check_cheaply(point, project, trained)
                seen |= own
        _check_axes(ones)
        trained |= {p.loader.place("teacher") for p in ones if "teacher" in p.nodes.all_outputs()}


def check_fully(point: Point, *, compare_images: bool = True) -> None:
    """Check all that a run checks before it starts.

    Args:
        point: Point of a sweep.
        compare_images: Whether to search for test images among train images, which takes long.

    Raises:
        ValueError: If something is not valid; the message names it.
    """
    params = dict(point.loader.runtime_params)
    if not compare_images and LEAKS in point.loader.parameters_of("train_images"):
        params[LEAKS] = "off"
    with KedroSession.create(env=point.loader.env_name, runtime_params=params) as session:
        catalog = session.load_context().catalog  # type: ignore[attr-defined]
    check_run(point.nodes, catalog)


def _check_axes(points: Sequence[Point]) -> None:
    """Refuse an axis whose values all give the same results."""
    made = [(point.values, point.made_from) for point in points]
    for axis, values in points[0].part.over.items():
        results: dict[str, set[str]] = {}
        for chosen, result in made:
            others = repr([value for key, value in chosen.items() if key != axis])
            results.setdefault(others, set()).add(result)
        if len(values) > 1 and all(len(found) == 1 for found in results.values()):
            raise ValueError(
                f"{axis}: expected a parameter that changes results, got one that changes none; "
                "leave it out of the grid"
            )


def _check_cheaply(point: Point, project: Path, trained: set[str]) -> None:
    names = {n for n in point.nodes.inputs() if n in CHEAP or n.startswith(PARAMETER)}
    # A teacher that an earlier part trains need not be there yet.
    if point.loader.place("teacher") in trained:
        names -= {"teacher"}
    validator = ParameterValidator({"sweep": point.nodes})
    parameters = validator.validate_raw_params(point.loader["parameters"])
    check_inputs(_CheapInputs(names, parameters, point, project))


class _CheapInputs(dict[str, Any]):
    """Inputs of a run, loaded when accessed; only the cheap ones count as contained."""

    def __init__(
        self, names: set[str], parameters: Mapping[str, Any], point: Point, project: Path
    ) -> None:
        super().__init__()
        self._names = names
        self._parameters = parameters
        self._point = point
        self._project = project

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __missing__(self, name: str) -> Any:
        if name.startswith(PARAMETER):
            value: Any = self._parameters
            for part in name.removeprefix(PARAMETER).split("."):
                value = value[part] if isinstance(value, Mapping) else getattr(value, part)
        else:
            value = datasets_of(self._point.loader, [name], self._project)[name].load()
        self[name] = value
        return value
