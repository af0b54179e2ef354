"""The commands of the installed package: `new`, and within a project every one of `kedro`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.cli import KedroCLI, _init_plugins
from kedro.utils import find_kedro_project

from mgd3_kedro import __version__


@click.group(name="mgd3_kedro")
@click.version_option(__version__, prog_name="mgd3_kedro")
def own() -> None:
    """Distil image sets with diffusion models."""


@own.command("new")
@click.argument("folder", type=click.Path(path_type=Path))
def new_command(folder: Path) -> None:
    """Make a project: a folder with the configuration, in which `kedro run` works."""
    from mgd3_kedro.new_project import make_project
    from mgd3_kedro.plain_errors import plain_errors

    with plain_errors():
        make_project(folder)
    click.echo(f"{folder} is complete; distil the embedded digits with: cd {folder} && kedro run")


class Commands(KedroCLI):
    """The commands of Kedro, its plugins and the project of the working directory, and `new`."""

    @property
    def global_groups(self) -> Sequence[click.Group]:
        """What needs no project; of two commands with one name the first is taken."""
        return [own, *super().global_groups]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; where there is no project, say how to make one."""
        if not self.project_groups and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(
                f"{args[0]}: expected one of {', '.join(self.list_commands(ctx))}, or to be in the "
                f"folder of a project; make one with: mgd3-kedro new FOLDER"
            )
        return super().resolve_command(ctx, args)


def run_command(args: Sequence[str] | None, **options: Any) -> Any:
    """Run a command in the project that the working directory is in, if it is in one.

    Args:
        args: Its name and arguments; None: those of this process.
        options: Of `click.Command.main`.
    """
    _init_plugins()
    commands = Commands(find_kedro_project(Path.cwd()) or Path.cwd())
    return commands.main(args, prog_name="mgd3-kedro", **options)
