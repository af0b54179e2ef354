"""The data set card of an exported set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.pipelines.export.settings import Credit, ExportConfig
from mgd3_kedro.result_columns import ACCURACIES
from mgd3_kedro.stages import SMALL_IMAGES
from mgd3_kedro.version import code_version

if TYPE_CHECKING:
    import pandas as pd

LINE = ("network", "protocol", "preset", "image_size", "settings")
"""Columns of result rows; rows that agree in them form one line of the table."""
IN_LABELS = {"folder": "`train/metadata.jsonl`", "zip": "`metadata.jsonl` in the archive"}
LOADING = {
    "folder": (
        'datasets.load_dataset("imagefolder", data_dir="PATH", split="train")',
        'torchvision.datasets.ImageFolder("PATH/train")  # numbers the folders in sorted order',
    ),
    "zip": ('datasets.load_dataset("imagefolder", data_files="PATH/train.zip", split="train")',),
    "parquet": (
        'datasets.load_dataset("parquet", data_files="PATH/train.parquet", split="train")',
    ),
}
"""Form of the images -> Python expressions that load them."""
NOT_FOR = (
    "Testing: accuracy on these images says nothing about real ones.",
    "Statistics of the classes: a few images do not show rare cases.",
    "Anonymity: an image may be a real image, or look like one. `nearest_real` and its distance, "
    "if given, show how near it is.",
    "Anything that the licence of the real images or of the model forbids: it is forbidden for "
    "this set too. If the data or the model are only for research, this set is only for research.",
    "Decisions about people.",
)


class Facts(NamedTuple):
    """The content of a card.

    Args:
        benchmark: The classes.
        counts: wnid -> number of images.
        image_size: Height and width in pixels.
        method: Name of the method that made the images.
        settings: Name -> value, the same for all images.
        source: Credit of the real images.
        prior: Credit of the model that the images were sampled from; None if there is none.
        rows: Result rows of trainings on these images.
        made_with: `command` and `environment` of the run, empty if unknown.
        config: Configuration of the export.
    """

    benchmark: Benchmark
    counts: Mapping[str, int]
    image_size: tuple[int, ...]
    method: str
    settings: Mapping[str, Any]
    source: Credit
    prior: Credit | None
    rows: Sequence[pd.DataFrame]
    made_with: Mapping[str, str]
    config: ExportConfig


def write_card(facts: Facts) -> str:
    """Return the README.md of a set, in the format of the Hugging Face hub."""
    return "\n".join([*_head(facts), *_made_from(facts), *_accuracy(facts), *_contents(facts), ""])


def _head(facts: Facts) -> Iterator[str]:
    total, classes = sum(facts.counts.values()), len(facts.counts)
    most = max(facts.counts.values())
    name = f"{facts.benchmark.name} distilled: {facts.method}, {most} images per class"
    height, width = facts.image_size
    yield from ("---", f'pretty_name: "{name}"', "license: other")
    yield "license_name: see-the-card"
    yield from ("task_categories:", "- image-classification")
    yield from ("tags:", "- dataset-distillation")
    if facts.prior:
        yield "- synthetic"
    yield from ("---", "")
    yield from (f"# {name}", "")
    yield f"{total} images of {width} x {height} pixels in {classes} classes, a replacement for a"
    yield "large data set: networks are trained on these images instead."
    if facts.config.ipc is not None:
        yield "The first images of each class of a larger set, of which they are a subset."
    if (count := int(facts.settings.get(SMALL_IMAGES, 1))) > 1:
        yield f"{count} of them have as many pixels as one image of the benchmark. Enlarge their"
        yield f"sides {math.isqrt(count)} times with a bicubic filter before you train networks."
    yield from ("", "```python", *LOADING[facts.config.form], "```", "")


def _made_from(facts: Facts) -> Iterator[str]:
    yield from ("## Where it comes from", "", f"- Real images: {_text(facts.source)}")
    if facts.prior:
        yield f"- Drawn from: {_text(facts.prior)}"
    yield f"- Method: `{facts.method}`, by mgd3_kedro {code_version()}."
    told = {name: text for name, text in facts.made_with.items() if text}
    yield from (f"- {name.capitalize()}: `{text}`" for name, text in told.items())
    yield ""
    if facts.settings:
        yield "Settings without effect or without a value are left out."
        yield from ("", "| setting of all images | value |", "|---|---|")
        yield from (f"| {name} | {_cell(value)} |" for name, value in facts.settings.items())
        yield ""


def _accuracy(facts: Facts) -> Iterator[str]:
    yield from ("## Accuracy of networks trained on it", "")
    if not facts.rows:
        yield from ("Not measured on this set.", "")
        return
    import pandas as pd

    rows = pd.concat([*facts.rows])
    rows["settings"] = rows["settings"].fillna("")
    yield "On real test images, in percent: mean and population standard deviation of trainings;"
    yield from ("`top1_best` is the best of many validations on the test images.", "")
    yield "| network | protocol | px | trainings | `top1_last` | `top1_best` | settings |"
    yield "|---|---|---|---|---|---|---|"
    for key, group in rows.groupby([*LINE], sort=False):
        network, protocol, preset, size, settings = key
        last, best = (_mean_and_std(group[name]) for name in ACCURACIES)
        yield (
            f"| {network} | {protocol}, {preset} | {size} | {len(group)} | {last} | {best} "
            f"| {_cell(settings)} |"
        )
    yield ""


def _contents(facts: Facts) -> Iterator[str]:
    yield from ("## What it must not be used for", "")
    yield from (f"- {one}" for one in NOT_FOR)
    yield from ("", "## Files", "")
    yield "- `classes.json`: label -> folder, class name, class index, number of images."
    order = IN_LABELS.get(facts.config.form, "the table")
    yield f"- Label and facts of each image: {order}."
    if facts.config.soft_labels:
        yield "- `soft_labels.safetensors`: output of a teacher for each unchanged image: `logits`,"
        yield f"  in label order, and `labels`; images in the order of {order}."
    yield "- `SHA256SUMS`: `sha256sum --check SHA256SUMS`."


def _mean_and_std(values: pd.Series) -> str:
    return f"{values.mean():.1f} ± {values.std(ddof=0):.1f}"


def _cell(value: Any) -> str:
    return _text(value).replace("|", "\\|")


def _text(value: Any) -> str:
    """Return a value as Markdown text, with HTML escaped."""
    return escape(str(value), quote=False)
