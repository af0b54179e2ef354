"""Checks of the names given to `kedro run`, before anything is loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.utils import load_obj

from mgd3_kedro.checks import unknown_name
from mgd3_kedro.run_names import DEFAULT

if TYPE_CHECKING:
    from kedro.pipeline.node import Node


PATTERNS = "[]{}*"
"""Characters that Kedro treats as patterns in the path of a configuration or of an entry."""


def check_folder(project: Path) -> None:
    """Refuse a project whose path has characters that Kedro treats as patterns.

    Raises:
        ValueError: If it has some; the message names the folder and what to do.
    """
    if found := sorted({*PATTERNS} & {*str(project)}):
        raise ValueError(
            f"{project}: expected a project folder without any of {' '.join(PATTERNS)} in its "
            f"path, which Kedro takes for patterns of names, got {' '.join(found)}; rename it"
        )


def check_place(env: str | None, runner: str | None, conf: Path) -> None:
    """Refuse an unknown environment or runner.

    Args:
        env: Name of the environment; None for the default one.
        runner: Name of the runner; None for the default one.
        conf: Folder that contains the environments.

    Raises:
        ValueError: If one is unknown; the message says what is known.
    """
    if env is not None and conf.is_dir() and not (conf / env).is_dir():
        known = [path.parent.name for path in conf.glob("*/parameters.yml")]
        raise ValueError(f"env: {unknown_name(env, known, 'environment')}")
    try:
        load_obj(runner or "SequentialRunner", "kedro.runner")
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"runner: expected SequentialRunner, or MODULE.CLASS of your own, got {runner!r}, "
            "which is neither; leave --runner out"
        ) from error


def check_pipelines(names: Collection[str], known: Collection[str]) -> None:
    """Refuse unknown pipelines.

    Raises:
        ValueError: If one is unknown; the message lists the known names.
    """
    for name in names:
        if name not in known:
            told = [one for one in known if one != DEFAULT]
            raise ValueError(f"pipelines: {unknown_name(name, told, 'pipeline')}")


def check_parts(options: Mapping[str, Any], nodes: Iterable[Node]) -> None:
    """Refuse tags and namespaces that no pipeline of a run has.

    Args:
        options: Options of `kedro run`.
        nodes: Nodes of its pipelines.

    Raises:
        ValueError: If one is unknown; the message lists the known names.
    """
    known = {"tags": set[str](), "namespaces": set[str]()}
    for node in nodes:
        known["tags"] |= node.tags
        known["namespaces"] |= {node.namespace} if node.namespace else set()
    for option, names in known.items():
        for name in options.get(option) or ():
            if name not in names:
                raise ValueError(f"{option}: {unknown_name(name, names, option[:-1])}")


def describe_unread_files(local: Path, env: str) -> str:
    """Return a warning about files in conf/local that the run does not read; empty if none.

    Args:
        local: The folder conf/local.
        env: Environment of the run.
    """
    names = sorted(path.name for path in local.glob("*.yml")) if env != local.name else []
    if not names:
        return ""
    return (
        f"conf/local: {', '.join(names)} {'is' if len(names) == 1 else 'are'} not read, as the "
        f"environment of the run is {env}; move the settings to conf/{env}"
    )
