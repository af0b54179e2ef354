"""Which classes of a source are which of a benchmark."""

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
    """Find the classes of a benchmark among those of a source, by folder or else by words.

    On the hub classes have words instead of WordNet ids: all of the class name, or the first of its
    synonyms, as long as no other class could be meant.

    Returns:
        wnid -> name in the source, of those that were found.
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
    """Find the classes of a benchmark by label where a source has nothing but numbers for them.

    Numbers that are all folder names of the benchmark are no labels.

    Returns:
        wnid -> name in the source; nothing if some name is no label.
    """
    labels = {str(spec.label): spec.wnid for spec in specs}
    if not labels.keys() >= set(found) or {spec.wnid for spec in specs} >= set(found):
        return {}
    return {labels[name]: name for name in found}


def _first_synonym(names: str) -> str:
    return names.split(",")[0].strip().replace("_", " ").casefold()


def _unambiguous(words: Mapping[str, str]) -> dict[str, str]:
    """Turn name -> word around, without words that several names have."""
    counts: dict[str, int] = {}
    for word in words.values():
        counts[word] = counts.get(word, 0) + 1
    return {word: name for name, word in words.items() if counts[word] == 1}
