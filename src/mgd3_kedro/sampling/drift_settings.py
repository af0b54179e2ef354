"""Scales and options of all drifts and conditionings, with or without a field in the settings."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from mgd3_kedro.sampling.conditionings import CONDITIONINGS
from mgd3_kedro.sampling.guidance import DRIFTS
from mgd3_kedro.sampling.guidance.options import Option


def all_scales() -> tuple[str, ...]:
    """Return the names of the scale settings of drifts and the strengths of conditionings."""
    return (*DRIFTS, *filter(None, CONDITIONINGS))


def all_options() -> dict[str, Option]:
    """Return the options of all drifts and conditionings by name."""
    # Looked up by key: with `DRIFTS.values()`, every result would depend on the code of all drifts.
    of_drifts = {name: one for drift in DRIFTS for name, one in DRIFTS[drift].options.items()}
    found = [CONDITIONINGS[conditioning].options for conditioning in CONDITIONINGS]
    return of_drifts | {name: one for options in found for name, one in options.items()}


def options_of_scales() -> dict[str, tuple[str, ...]]:
    """Return a mapping: name of a scale or strength setting -> names of the options it has."""
    of_drifts = {name: (*DRIFTS[name].options,) for name in DRIFTS}
    return of_drifts | {name: (*CONDITIONINGS[name].options,) for name in CONDITIONINGS if name}


class SetByDrifts(type):
    """Metaclass of settings that accept the scale and options of any drift or conditioning."""

    def __call__(cls, *args: Any, **given: Any) -> Any:
        """Build settings from fields, scales and options.

        Scales without a field go to `further_scales`, and options to `further_options`. Scales of
        0 and options at their default are left out.
        """
        names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        known = all_options()
        options = {name: given.pop(name) for name in known if name in given}
        options = {**given.get("further_options", {}), **options}
        given["further_options"] = {
            name: value
            for name, value in options.items()
            if name not in known or value != known[name].default
        }
        own = [name for name in all_scales() if name not in names]
        further = {name: given.pop(name) for name in own if name in given}
        scales = {**given.get("further_scales", {}), **further}
        # A drift with a scale of 0 must equal a drift that is not given.
        given["further_scales"] = {name: scale for name, scale in scales.items() if scale != 0}
        return super().__call__(*args, **given)
