"""Entry point of the installed package."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mgd3_kedro.at_start import tell_interrupts

# Before other imports, such as Kedro's, which Ctrl-C may interrupt.
tell_interrupts()

LOGGING = Path("conf/logging.yml")


def main(args: Sequence[str] | None = None, **options: Any) -> Any:
    """Run a command.

    Args:
        args: Name and arguments of the command; None for those of this process.
        options: Options of `click.Command.main`.
    """
    # Outside a project, no project settings disable Kedro's telemetry.
    os.environ.setdefault("DO_NOT_TRACK", "true")
    if not LOGGING.is_file():
        from mgd3_kedro.shipped import shipped_folder

        # Without this, Kedro logs at import that it uses its default logging configuration.
        os.environ.setdefault("KEDRO_LOGGING_CONFIG", str(shipped_folder() / LOGGING))
    from mgd3_kedro.commands import run_command

    return run_command(args, **options)


if __name__ == "__main__":
    main()
