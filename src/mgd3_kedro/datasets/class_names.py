"""Matching of the classes of a source to the classes of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.datasets.benchmark import BenchmarkDataset


def read_specs(table: Path) -> tuple[ClassSpec, ...]:
    """Return the classes of a class table, in its order.

    Raises:
        DatasetError: If it is missing or cannot be read.
    """
    return BenchmarkDataset(filepath=str(table), name=table.stem, image_size=1).load().classes


def match_classes(specs: Sequence[ClassSpec], found: Sequence[str]) -> dict[str, str]:
    """Match the classes of a benchmark to those of a source, by folder name or else by words.

    On the Hugging Face hub, classes often have words instead of WordNet ids: the whole class name,
    or its first synonym. A word counts only if it belongs to a single class on each side.

    Returns:
        wnid -> class name in the source, of the classes that were found.
    """
    matched = {spec.wnid: spec.wnid for spec in specs if spec.wnid in set(found)}
    for words in (str, _first_synonym):
        left = [spec for spec in specs if spec.wnid not in matched]
        free = set(found) - set(matched.values())
        of_source = _unambiguous({name: words(name) for name in free})
        of_table = _unambiguous({spec.wnid: words(spec.class_name) for spec in left})
        matched |= {wnid: of_source[word] for word, wnid in of_table.items() if word in of_source}
    return matched


def match_labels(specs: Sequence[ClassSpec], found: Sequence[str]) -> dict[str, str]:
    """Match the classes of a benchmark by label, if the class names of a source are only numbers.

    Numbers that are all folder names of the benchmark do not count as labels.

    Returns:
        wnid -> class name in the source; empty if some name is not a label.
    """
    labels = {str(spec.label): spec.wnid for spec in specs}
    if not labels.keys() >= set(found) or {spec.wnid for spec in specs} >= set(found):
        return {}
    return {labels[name]: name for name in found}


def _first_synonym(names: str) -> str:
    return names.split(",")[0].strip().replace("_", " ").casefold()


def _unambiguous(words: Mapping[str, str]) -> dict[str, str]:
    """Invert name -> word, without the words that several names share."""
    counts: dict[str, int] = {}
    for word in words.values():
        counts[word] = counts.get(word, 0) + 1
    return {word: name for name, word in words.items() if counts[word] == 1}
