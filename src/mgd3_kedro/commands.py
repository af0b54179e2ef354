"""Commands of the installed package: `new`, and all commands of `kedro` within a project."""

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
    """The command `new`, and the commands of Kedro, its plugins and the current project."""

    @property
    def global_groups(self) -> Sequence[click.Group]:
        """Groups of commands that need no project; of equal names the first one wins."""
        return [own, *super().global_groups]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command.

        Raises:
            click.UsageError: If it is unknown and there is no project; the message says how to
                make one.
        """
        if not self.project_groups and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(
                f"{args[0]}: expected one of {', '.join(self.list_commands(ctx))}, or to be in the "
                f"folder of a project; make one with: mgd3-kedro new FOLDER"
            )
        return super().resolve_command(ctx, args)


def run_command(args: Sequence[str] | None, **options: Any) -> Any:
    """Run a command in the project that contains the working directory, if there is one.

    Args:
        args: Name and arguments of the command; None for those of this process.
        options: Options of `click.Command.main`.
    """
    _init_plugins()
    commands = Commands(find_kedro_project(Path.cwd()) or Path.cwd())
    return commands.main(args, prog_name="mgd3-kedro", **options)
