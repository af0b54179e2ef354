"""Notes in the folder of a prior, beside its weights: its classes, and how to sample it.

With given settings, these notes change no drawn image: images are drawn by class number, and the
settings of a run say how to sample.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mgd3_kedro.benchmark import Benchmark, ClassSpec

CLASSES_FILE, SAMPLING_FILE = "classes.json", "sampling.json"
QUALITY_FILE = "quality.json"
INDEX_FILE = "model_index.json"
"""Index file of a diffusers pipeline; it may have the class names under `id2label`."""
NOTES = (CLASSES_FILE, SAMPLING_FILE, QUALITY_FILE)
WORDNET_ID = re.compile(r"n\d{8}")


class KnownClass(NamedTuple):
    """A class that a prior can draw.

    Args:
        wnid: Folder of its images, usually the WordNet id; empty if unknown.
        class_name: Names of the class, separated by commas.
    """

    wnid: str
    class_name: str

    def fits(self, spec: ClassSpec) -> bool:
        """Tell whether a class of a benchmark is this class, or may be this class."""
        if self.wnid == spec.wnid:
            return True
        if WORDNET_ID.fullmatch(spec.wnid) and WORDNET_ID.fullmatch(self.wnid):
            return False
        if not self.wnid and WORDNET_ID.fullmatch(spec.class_name):
            return True
        return bool(_synonyms(self.class_name) & _synonyms(spec.class_name))


def describe_classes(classes: Iterable[ClassSpec]) -> str:
    """Return the content of `classes.json`: class index -> wnid and class name."""
    known = {
        str(spec.class_index): {"wnid": spec.wnid, "class_name": spec.class_name}
        for spec in sorted(classes, key=lambda spec: spec.class_index)
    }
    return f"{json.dumps(known, indent=2, ensure_ascii=False)}\n"


def known_classes(folder: Path) -> dict[int, KnownClass]:
    """Return class index -> class of a prior; empty if the prior has no class names.

    Args:
        folder: Folder of the prior.

    Raises:
        ValueError: If a file with class names cannot be read.
    """
    try:
        own = _read(folder / CLASSES_FILE)
        if own:
            return {int(index): KnownClass(**names) for index, names in own.items()}
        labels = _read(folder / INDEX_FILE).get("id2label") or {}
        return {int(index): KnownClass("", name) for index, name in labels.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder}: expected the prior's classes by index in {CLASSES_FILE}, or in id2label "
            f"of {INDEX_FILE}, got another form ({error})"
        ) from error


def check_classes_of_prior(benchmark: Benchmark, folder: Path) -> None:
    """Refuse a prior whose class numbers stand for other classes than the benchmark's.

    Args:
        benchmark: Benchmark whose classes will be drawn.
        folder: Folder of the prior.

    Raises:
        ValueError: If a class differs; the message names the first one.
    """
    known = known_classes(folder)
    differing = (
        (spec, theirs)
        for spec in benchmark.classes
        if (theirs := known.get(spec.class_index)) and not theirs.fits(spec)
    )
    spec, theirs = next(differing, (None, None))
    if spec is None or theirs is None:
        return
    if all(any(one.fits(each) for one in known.values()) for each in benchmark.classes):
        file = CLASSES_FILE if theirs.wnid else INDEX_FILE
        advice = (
            f"the prior has all classes of {benchmark.name} under other numbers: copy the numbers "
            f"in {folder / file} to a class table and name the table with --params classes=TABLE"
        )
    else:
        advice = (
            "name a prior of these classes with --params model=FOLDER (kedro run "
            "--pipelines=pretrain --params trained_prior=FOLDER,..., with the same --env and "
            "--params, trains one), or correct the class table"
        )
    raise ValueError(
        f"classes: expected the classes of the prior {folder}, where number {spec.class_index} is "
        f"{theirs.class_name!r}, got {spec.class_name!r} ({spec.wnid}) for this number; {advice}"
    )


def sampling_default(name: str, folder: Path, otherwise: Any) -> Any:
    """Return the value of a sampling setting that a prior recommends.

    Args:
        name: Name of a setting of `diffusion`.
        folder: Folder of the prior; it need not exist.
        otherwise: Value if the prior recommends none.

    Raises:
        ValueError: If the file with the recommended settings cannot be read.
    """
    try:
        return _read(folder / SAMPLING_FILE).get(name, otherwise)
    except (AttributeError, ValueError) as error:
        raise ValueError(
            f"{folder / SAMPLING_FILE}: expected settings by name, as JSON, got {error}"
        ) from error


def _read(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return content


def _synonyms(names: str) -> set[str]:
    return {" ".join(name.replace("_", " ").casefold().split()) for name in names.split(",")} - {""}


def licence_of(folder: Path) -> str:
    """Return the licence in the model card of a prior; empty if it states none.

    Args:
        folder: Folder of the prior; it need not exist.
    """
    card = folder / "README.md"
    text = card.read_text("utf-8") if card.is_file() else ""
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    stated = re.search(r"^license:\s*(\S.*?)\s*$", head[1], re.MULTILINE) if head else None
    return stated[1] if stated else ""
