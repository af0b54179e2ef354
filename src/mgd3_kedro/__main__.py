"""Entry point of the installed package."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mgd3_kedro.at_start import tell_interrupts

# Before what is imported next, as of Kedro.
tell_interrupts()

LOGGING = Path("conf/logging.yml")


def main(args: Sequence[str] | None = None, **options: Any) -> Any:
    """Run a command.

    Args:
        args: Its name and arguments; None: those of this process.
        options: Of `click.Command.main`.
    """
    # Kedro would send that it runs, before there is a project whose settings forbid it.
    os.environ.setdefault("DO_NOT_TRACK", "true")
    if not LOGGING.is_file():
        from mgd3_kedro.shipped import shipped_folder

        # Kedro would tell, when it is imported, that it takes its own.
        os.environ.setdefault("KEDRO_LOGGING_CONFIG", str(shipped_folder() / LOGGING))
    from mgd3_kedro.commands import run_command

    return run_command(args, **options)


if __name__ == "__main__":
    main()
