"""Settings of drifts and conditionings: scales and options, whether or not they are fields."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from mgd3_kedro.sampling.conditionings import CONDITIONINGS
from mgd3_kedro.sampling.guidance import DRIFTS
from mgd3_kedro.sampling.guidance.options import Option


def all_scales() -> tuple[str, ...]:
    """Return the settings that hold the scales of drifts and the strengths of conditionings."""
    return (*DRIFTS, *filter(None, CONDITIONINGS))


def all_options() -> dict[str, Option]:
    """Return the options of all drifts and conditionings by name."""
    # Not by `DRIFTS.values()`, with which all of their code would be that of any result.
    of_drifts = {name: one for drift in DRIFTS for name, one in DRIFTS[drift].options.items()}
    found = [CONDITIONINGS[conditioning].options for conditioning in CONDITIONINGS]
    return of_drifts | {name: one for options in found for name, one in options.items()}


def options_of_scales() -> dict[str, tuple[str, ...]]:
    """Return the scale of a drift, or strength of a conditioning -> the names of its options."""
    of_drifts = {name: (*DRIFTS[name].options,) for name in DRIFTS}
    return of_drifts | {name: (*CONDITIONINGS[name].options,) for name in CONDITIONINGS if name}


class SetByDrifts(type):
    """Lets settings be built with the scale of any drift or conditioning and all options."""

    def __call__(cls, *args: Any, **given: Any) -> Any:
        """Build settings; scales that are no fields are kept in `further_scales`, but for 0.

        Options are kept in `further_options`, but for defaults.
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
        # A drift that is off is no other setting than one that is not there.
        given["further_scales"] = {name: scale for name, scale in scales.items() if scale != 0}
        return super().__call__(*args, **given)
