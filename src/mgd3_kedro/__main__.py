"""Entry point of the installed package: the same as `kedro run`."""

from __future__ import annotations

from typing import Any

from kedro.framework.project import configure_project


def main(*args: Any, **options: Any) -> Any:
    """Run a pipeline of the package."""
    from mgd3_kedro.cli import cli

    configure_project(__package__)
    return cli.commands["run"](*args, **options)


if __name__ == "__main__":
    main()
