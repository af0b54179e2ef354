"""The summary that a run prints at its end: its result, and the outputs worth opening."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset, SaveReport
from mgd3_kedro.durable import read_json
from mgd3_kedro.durations import in_words
from mgd3_kedro.result_columns import ACCURACIES

if TYPE_CHECKING:
    import pandas as pd
    from kedro.io import CatalogProtocol

WIDTH = 80
"""Most columns of a line, unless it has a longer path."""

UP_TO_DATE = "up to date: nothing to compute"

PLACES = (
    "report",
    "contact_sheet",
    "latent_plane",
    "training_curves_plot",
    "confusion_plot",
    "result_rows",
    "full.training_curves_plot",
    "full.confusion_plot",
    "full.result_rows",
    "distilled_images",
    "provenance",
    "members_sheet",
    "modes_plot",
    "teacher",
    "prior_sheet",
    "memorisation_plot",
    "trained_prior",
    "exported_set",
)
"""Outputs worth opening, the most important first; to list a new one, add a line here. If a run
makes none of these, its figures and texts are listed."""
OPENED = {".png", ".html", ".md", ".tex", ".csv"}
"""Suffixes of the files that are listed if a run makes nothing of `PLACES`."""
ROWS = ("result_rows", "full.result_rows")
HERE, PAGE = "http://127.0.0.1:5000", "/#/experiments/{}/runs?viewStateShareKey=accuracy"
"""Address at which `kedro mlflow ui` shows the runs, and the page of an experiment in the view that
conf/base/mlflow.yml defines."""

FINDINGS = {
    "reconstruction_metrics": {"psnr_test": "PSNR {:.1f} dB on test images"},
    "judge_metrics": {"samples_recognised": "{:.1f} % of samples are recognised"},
    "memorisation_metrics": {
        "nearest_percent": "{:.1f} % are nearer to a train image than 99 % of test images are"
    },
}
"""Output with metrics of a prior -> metric -> text in the summary."""
USES = {"trained_prior": "to draw images from it: --params model={}"}
"""Output of a run -> text that says how to use it."""


class Tracked(NamedTuple):
    """Location of a run in MLflow.

    Args:
        experiment: Id of its experiment.
        store: Address of the store, without a password.
        is_own: Whether the store is the default file of the project.
    """

    experiment: str
    store: str
    is_own: bool


def places_of(outputs: Collection[str], catalog: CatalogProtocol) -> dict[str, Path]:
    """Return output -> path, for the outputs that are files or folders.

    Args:
        outputs: Names of catalog entries.
        catalog: The catalog, which has their paths.
    """
    described = {name: catalog[name]._describe().get("filepath") for name in sorted(outputs)}
    return {name: Path(str(place)) for name, place in described.items() if place}


def saves_of(outputs: Collection[str], catalog: CatalogProtocol) -> dict[str, SaveReport]:
    """Return output -> report on its last save, for the outputs that are made class by class."""
    datasets = {name: catalog[name] for name in sorted(outputs)}
    return {
        name: dataset.last_save
        for name, dataset in datasets.items()
        if isinstance(dataset, ClassPartitionsDataset)
    }


def describe_end(saves: Mapping[str, SaveReport], seconds: float) -> str:
    """Return in one line whether anything was computed, and how long the run took.

    Args:
        saves: Output that is made class by class -> report on its last save.
        seconds: Seconds that the run took.
    """
    reports = saves.values()
    if any(report.computed for report in reports) or not any(report.skipped for report in reports):
        return f"done in {in_words(seconds)}"
    if any(report.awaited for report in reports):
        return f"done in {in_words(seconds)}: another process computed what was missing"
    return f"{UP_TO_DATE} (checked in {in_words(seconds)})"


def summarise_run(places: Mapping[str, Path], tracked: Tracked | None) -> Iterator[str]:
    """Yield the lines of the summary: results, and paths of outputs.

    Args:
        places: Output of the run -> its path.
        tracked: Location of the run in MLflow; None if it is not there.
    """
    for name in ROWS:
        if name in places:
            yield from describe_rows(places[name])
    yield from describe_findings(places)
    if "comparison_markdown" in places:
        yield places["comparison_markdown"].read_text(encoding="utf-8")
    yield from list_places(places)
    yield from (
        told.format(_shorten(places[name])) for name, told in USES.items() if name in places
    )
    if tracked is not None:
        yield from describe_tracking(tracked)


def describe_tracking(tracked: Tracked) -> Iterator[str]:
    """Yield lines that say how to see a run in MLflow."""
    page = PAGE.format(tracked.experiment)
    if tracked.store.startswith("http"):
        yield "MLflow:"
        yield f"  {tracked.store.rstrip('/')}{page}"
        return
    variable = "" if tracked.is_own else f"MLFLOW_TRACKING_URI={tracked.store} "
    yield f"MLflow: {variable}kedro mlflow ui, then"
    yield f"  {HERE}{page}"


def describe_rows(path: Path) -> Iterator[str]:
    """Yield the images of the trainings, and a line per network: mean and standard deviation.

    Args:
        path: Table of result rows.
    """
    import pandas as pd

    from mgd3_kedro.pipelines.compare.nodes import tabulate_rows

    table = tabulate_rows(pd.read_csv(path, dtype={"settings": str}))
    for about, lines in table.groupby(["benchmark", "split", "method", "ipc"], sort=False):
        first = lines.iloc[0]
        words = [f"{about[0]}/{about[1]} {about[2]}, {about[3]} images per class"]
        words.append(f"{first['protocol']}-{first['preset']}, {first['image_size']} px")
        words += first["settings"].split()
        yield from textwrap.wrap(", ".join(words), WIDTH)
        yield "  network        trainings     top1_last        top1_best"
        yield from (_describe_line(line) for _, line in lines.iterrows())


def _describe_line(line: pd.Series) -> str:
    # One training has no spread.
    spread = "{mean:6.1f} ± {std:<6.1f}" if line["trainings"] > 1 else f"{{mean:6.1f}}{'':9}"
    scores = (
        spread.format(mean=line[f"{kind}_mean"], std=line[f"{kind}_std"]) for kind in ACCURACIES
    )
    return f"  {line['network']:<14} {line['trainings']:>9}  {'  '.join(scores)}".rstrip()


def describe_findings(places: Mapping[str, Path]) -> list[str]:
    """Return one line per measured value of a prior."""
    found = []
    for name, told in FINDINGS.items():
        metrics = read_json(places[name], dict) if name in places else {}
        found += [words.format(metrics[key]) for key, words in told.items() if key in metrics]
    return found


def list_places(places: Mapping[str, Path]) -> Iterator[str]:
    """Yield folders, each followed by its outputs worth opening."""
    told = [places[name] for name in PLACES if name in places]
    told = told or [path for path in places.values() if path.suffix in OPENED]
    folders: dict[Path, list[str]] = defaultdict(list)
    for path in told:
        name = f"{path.name}/" if path.is_dir() else path.name
        folders[path.parent].append(name)
    for folder, names in folders.items():
        yield f"{_shorten(folder)}/"
        yield from textwrap.wrap(
            "  ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  "
        )


def _shorten(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
