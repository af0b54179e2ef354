"""Report sections with costs, settings and citation of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mgd3_kedro.durations import in_words
from mgd3_kedro.environment import command, environment, without_precision
from mgd3_kedro.report import Section, missing
from mgd3_kedro.report.citing import PAPER, cite_software
from mgd3_kedro.report.wording import STAGES, in_bytes, join
from mgd3_kedro.version import code_version

COSTS_KEY, COSTS_TITLE = "costs", "Time and memory"
SETTINGS_KEY, SETTINGS_TITLE = "settings", "Settings and command"
CITE_KEY, CITE_TITLE = "cite", "How to cite"


def show_costs(stage_records: Sequence[Mapping[str, Any]], absent: Sequence[str] = ()) -> Section:
    """Return a section with time and memory of every stage.

    Args:
        stage_records: Stage, parts, seconds, peak memory in MB and environment, in order.
        absent: Names of stages without results.
    """
    if not stage_records:
        return missing(COSTS_KEY, COSTS_TITLE, "No stage of this run is finished.")
    total = sum(record["seconds"] for record in stage_records)
    rows = [
        (
            STAGES.get(record["stage"], record["stage"]),
            f"{record['parts']:,}",
            in_words(record["seconds"]),
            f"{100 * record['seconds'] / total:.0f} %" if total else "–",
            in_bytes(record["peak_memory_mb"]),
            _device(record["environment"]),
        )
        for record in stage_records
    ]
    rows.append(("together", "", in_words(total), "", "", ""))
    return Section(
        COSTS_KEY,
        COSTS_TITLE,
        "Computing time of each stage, added up over its classes or trainings; the times of "
        "parallel processes are added. Memory is the peak of one process.",
        {
            "head": ("stage", "classes or trainings", "time", "share", "memory", "device"),
            "rows": rows,
        },
        f"Not made yet: {join([STAGES.get(name, name) for name in absent])}." if absent else "",
    )


def show_settings(
    stage_records: Sequence[Mapping[str, Any]], differing: Sequence[Sequence[str]]
) -> Section:
    """Return a section with changed settings, commands and versions.

    Args:
        stage_records: Records with the command and the environment of each stage.
        differing: Parameter, its value, and the environment's value.
    """
    commands: dict[str, list[str]] = {}
    for record in stage_records:
        if record["command"]:
            commands.setdefault(record["command"], []).append(
                STAGES.get(record["stage"], record["stage"])
            )
    commands.setdefault(command(), []).append("this page")
    versions = dict(word.partition("=")[::2] for word in environment().split())
    told = {without_precision(record["environment"]) for record in stage_records}
    made_with = told - {"", environment()}
    lead = (
        "These differ from the environment's defaults; all others are as configured."
        if differing
        else "All settings are the environment's defaults."
    )
    return Section(
        SETTINGS_KEY,
        SETTINGS_TITLE,
        lead,
        {
            "differing": differing,
            "commands": [
                {"name": _sentence(join(made)), "text": text} for text, made in commands.items()
            ],
            "versions": [
                ("mgd3_kedro", code_version()),
                *((name, value.replace("_", " ")) for name, value in versions.items()),
            ],
        },
        f"Some stages were made with: {'; '.join(sorted(made_with))}." if made_with else "",
    )


def show_citation() -> Section:
    """Return a section with citations of the method and this software."""
    entries = [
        {"name": "Mode guidance (MGD3)", "text": PAPER},
        {"name": "This software", "text": cite_software(code_version())},
    ]
    return Section(CITE_KEY, CITE_TITLE, content={"entries": entries})


def _device(words: str) -> str:
    told = dict(word.partition("=")[::2] for word in words.split())
    return told.get("device", "").replace("_", " ")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
