"""Candidates of a search: methods and their settings, as parameters of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mgd3_kedro.checks import unknown_name
from mgd3_kedro.nesting import flat
from mgd3_kedro.points import short_names
from mgd3_kedro.splitting import Text
from mgd3_kedro.sweep.parts import SweepPart, as_text

FIELDS = ("candidates", "trials")
NODES = {"pipelines": "distill", "to_nodes": "collect_rows"}
METHOD, SEED = "method", "seed"


@dataclass(frozen=True)
class Candidate:
    """A method with its settings.

    Args:
        values: Full name of a parameter -> value; all other parameters are as configured.
    """

    values: Mapping[str, Text]

    @property
    def name(self) -> str:
        """Name of the candidate: the method, and the other parameters that it sets."""
        short = short_names(self.values)
        return " ".join(
            str(value) if key == METHOD else f"{short[key]}={value}"
            for key, value in self.values.items()
        )

    def trial(self, sweep: str, given: Mapping[str, Text], seed: int) -> SweepPart:
        """Return the run of this candidate with a seed.

        Args:
            sweep: Folder of the logs and states of all trials with this seed.
            given: Full name -> value, the same for all candidates.
            seed: Seed of the data set.
        """
        over = {key: (value,) for key, value in self.values.items()}
        shared = {key: value for key, value in given.items() if key not in over}
        return SweepPart(sweep, NODES, {**shared, SEED: as_text(seed)}, over)


def read_candidates(
    configured: Mapping[str, Any], given: Mapping[str, Text]
) -> tuple[dict[str, Candidate], dict[str, Text]]:
    """Return the configured candidates that agree with the command line.

    Args:
        configured: Settings `candidates` and `trials`.
        given: Full name -> value, from the command line; a candidate with another value for one of
            these is left out.

    Returns:
        Name -> candidate; full name -> value of the parameters that all trials share.

    Raises:
        ValueError: If another setting is configured, or no candidate is left.
    """
    for key in configured:
        if key not in FIELDS:
            raise ValueError(f"best: {unknown_name(key, FIELDS, 'setting')}")
    found: dict[str, Candidate] = {}
    for settings in configured["candidates"]:
        values = {key: as_text(value) for key, value in flat(settings).items()}
        if all(given.get(key, value) == value for key, value in values.items()):
            one = Candidate(values)
            found.setdefault(one.name, one)
    if not found:
        told = ", ".join(f"{key}={value}" for key, value in given.items())
        raise ValueError(
            f"best: expected a candidate in conf/*/best.yml that agrees with {told}, got "
            "none; give other values"
        )
    fixed = {key: as_text(value) for key, value in flat(configured.get("trials", {})).items()}
    return found, {**fixed, **given}
