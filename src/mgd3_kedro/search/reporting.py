"""Results of a search, as a table and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from mgd3_kedro.counting import count
from mgd3_kedro.search.halving import Lead, measure_lead, rank
from mgd3_kedro.search.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("candidate", "data_sets", "accuracy", "behind", "behind_low", "behind_high"),
    *("seconds", "told"),
)
SHOWN = 3
"""Number of candidates in a line about a round."""


def tabulate(trials: Trials) -> pd.DataFrame:
    """Return one row per candidate: the winner first, those that were not tried last.

    Returns:
        Columns `candidate`; `data_sets`, their number; `accuracy`, mean in percent; `behind`,
        points behind the winner on the data sets that both have, with the ends of the 95 % interval
        in `behind_low` and `behind_high`; `seconds` of the last trial; `told`, why it was not
        tried or failed.
    """
    import pandas as pd

    ranked = rank(trials.scores)
    rows = []
    for name in [*ranked, *(one for one in trials.candidates if one not in ranked)]:
        found = trials.scores.get(name, [])
        told = trials.refused.get(name, "" if found else "no time was left for it")
        row: dict[str, object] = {"candidate": name, "data_sets": len(found), "told": told}
        if found:
            behind = measure_lead(trials.scores[ranked[0]], found)
            row |= {"accuracy": fmean(found), "seconds": trials.seconds[name]}
            row |= {"behind": behind.mean, "behind_low": behind.low, "behind_high": behind.high}
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=[*COLUMNS])


def as_markdown(table: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of a table as Markdown.

    Args:
        table: Result of `tabulate`.
    """
    yield "| tried | data sets | held-out images, % | behind the winner (95 % interval) | seconds |"
    yield "|---|---|---|---|---|"
    for row in table.to_dict("records"):
        sets, name = row["data_sets"], row["candidate"]
        if not sets:
            yield f"| {name} | 0 | {row['told']} | | |"
            continue
        behind = f"{row['behind']:.1f}"
        if sets > 1:
            behind += f" ({row['behind_low']:.1f} to {row['behind_high']:.1f})"
        yield f"| {name} | {sets} | {row['accuracy']:.1f} | {behind} | {row['seconds']:.0f} |"


def describe_round(scores: Mapping[str, Sequence[float]], seeds: range) -> Iterator[str]:
    """Yield the best candidates of a round and those that did not finish; nothing if none did.

    Args:
        scores: Candidate -> accuracy on each of its data sets, in percent.
        seeds: Seeds of the data sets of the round.
    """
    known = rank({name: found for name, found in scores.items() if len(found) == seeds.stop})
    if not known:
        return
    best = ", ".join(f"{name} {fmean(scores[name]):.1f} %" for name in known[:SHOWN])
    yield f"best on held-out images, {count(seeds.stop, 'data set')}: {best}"
    if left_out := [name for name in scores if name not in known]:
        yield f"not finished: {', '.join(left_out)}"


def describe(trials: Trials) -> Iterator[str]:
    """Yield sentences on who won, by how much, and whether the generative model was worth it."""
    scores = trials.scores
    first, *others = rank(scores)
    sets = count(len(scores[first]), "data set")
    yield f"{first}: {fmean(scores[first]):.1f} % on held-out images, mean of {sets}."
    if others:
        ahead = measure_lead(scores[first], scores[others[0]])
        yield f"{_difference(ahead)} {others[0]}, the next."
        if not ahead.is_decided:
            yield "The difference between these two is not significant."
        yield (
            f"The best of {1 + len(others)} was chosen on these images: expect a slightly lower "
            "accuracy on others."
        )
    yield worth_of_prior(scores, lambda name: is_real(trials, name))


def worth_of_prior(scores: Mapping[str, Sequence[float]], is_real: Callable[[str], bool]) -> str:
    """Return a sentence on whether generated images are better than real ones that are kept.

    Args:
        scores: Candidate -> accuracy on each of its data sets, in percent.
        is_real: Function that returns whether a candidate keeps real images.
    """
    ranked = rank(scores)
    real = [name for name in ranked if is_real(name)]
    drawn = [name for name in ranked if not is_real(name)]
    if not drawn:
        return (
            "No images drawn by a model were tried, so it is not known whether a model is worth it."
        )
    if not real:
        return "No real images were tried, so it is not known whether drawn ones are better."
    ahead = measure_lead(scores[drawn[0]], scores[real[0]])
    told = f"the best drawn images ({drawn[0]}) are {_difference(ahead)} real ones ({real[0]})"
    if not ahead.is_decided:
        return f"It is not decided whether the model is worth it: {told}."
    verdict = "The model is worth it" if ahead.mean > 0 else "The model is not worth it"
    return f"{verdict}: {told}."


def is_real(trials: Trials, name: str) -> bool:
    """Return whether a candidate has only real images, whole or reduced, and no generated ones."""
    from mgd3_kedro.pipeline_registry import choice_of

    return not choice_of(trials.points[name].loader["parameters"]).is_drawn


def _difference(lead: Lead) -> str:
    """Return a lead with its interval, as the start of a sentence."""
    side = "ahead of" if lead.mean >= 0 else "behind"
    sets = count(lead.data_sets, "data set")
    if lead.data_sets == 1:
        return f"{abs(lead.mean):.1f} points (one data set, no interval) {side}"
    return (
        f"{abs(lead.mean):.1f} points (95 % interval {lead.low:.1f} to {lead.high:.1f}, "
        f"{sets}) {side}"
    )
