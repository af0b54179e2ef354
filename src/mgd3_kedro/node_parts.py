"""Number and description of the parts that a node computes: classes or trainings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

NUMBER = re.compile(r"_\d+$")
"""Suffix of nodes that exist once for each increment."""


def _count_trainings(parameters: Mapping[str, Any], classes: int) -> int:
    trainings = parameters["trainings"]
    return len(trainings["networks"]) * int(trainings["repeats"])


def _trainings(parameters: Mapping[str, Any], parts: int) -> str:
    networks = ", ".join(parameters["trainings"]["networks"])
    trainings = "1 training" if parts == 1 else f"{parts} trainings"
    return f"{trainings} ({networks}; {parameters['protocol']}-{parameters['preset']})"


def _images(parameters: Mapping[str, Any], parts: int) -> str:
    from mgd3_kedro.pipelines.guided_generate.needs import needs_of

    method = parameters["method"]
    count = parts * int(parameters["ipc"]) * needs_of(method, parameters).small_images
    return f"{count} images of {parts} classes ({method})"


def _groups(parameters: Mapping[str, Any], parts: int) -> str:
    groups = parameters["methods"][parameters["method"]]["groups"]
    return f"{groups} groups of {_images(parameters, parts)}"


def _candidates(parameters: Mapping[str, Any], parts: int) -> str:
    from mgd3_kedro.pipelines.guided_generate.procedures.increments import read_increments

    own = read_increments(parameters["methods"][parameters["method"]])
    draws = own.of(int(parameters["ipc"])).draws * own.increment_size * parts
    return f"{draws} draws for {_images(parameters, parts)}"


def _count_on_increments(parameters: Mapping[str, Any], classes: int) -> int:
    increments = int(parameters["ipc"]) // int(parameters["redundancy"]["size"])
    return len(parameters["trainings"]["networks"]) * increments


def _one(parameters: Mapping[str, Any], classes: int) -> int:
    return 1


def _student(parameters: Mapping[str, Any], parts: int) -> str:
    return f"1 training ({parameters['student_training']['network']})"


PARTS: dict[str, Callable[[Mapping[str, Any], int], int]] = {
    "train_eval.train_networks": _count_trainings,
    "full.train_networks": _count_trainings,
    "guided_generate.train_student": _one,
    "redundancy.train_on_increments": _count_on_increments,
}
"""Node without its number -> function that counts its parts; other nodes compute classes."""
WORDS: dict[str, Callable[[Mapping[str, Any], int], str]] = {
    "train_eval.train_networks": _trainings,
    "full.train_networks": _trainings,
    "redundancy.train_on_increments": _trainings,
    "guided_generate.distill_images": _images,
    "guided_generate.draw_groups": _groups,
    "guided_generate.draw_candidates": _candidates,
    "guided_generate.train_student": _student,
}
"""Node without its number -> function that describes its parts; others have only a count."""


def count_parts(node: str, parameters: Mapping[str, Any], classes: int) -> int:
    """Return the number of parts that a node computes.

    Args:
        node: Name of the node.
        parameters: Parameters of the run, nested.
        classes: Number of classes of the benchmark.
    """
    count = PARTS.get(NUMBER.sub("", node))
    return count(parameters, classes) if count else classes


def describe_parts(node: str, parameters: Mapping[str, Any], parts: int) -> str:
    """Return a description of the parts of a node.

    Args:
        node: Name of the node.
        parameters: Parameters of the run, nested.
        parts: Number of parts.
    """
    words = WORDS.get(NUMBER.sub("", node))
    return words(parameters, parts) if words else f"{parts} classes"
