"""Run every command of README and docs in a fresh clone: `make docs-check`.

Clone, logs and all that is made stay in build/docs-check.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from .commands import ROOT, read_commands
from .place import make_place
from .running import run_command
from .ways import BEFORE, Kind, find_way

FOLDER = ROOT / "build/docs-check"
LAST = 15
"""Lines of the log of a command that failed."""


def main():
    """Run them one after the other, and exit with 1 if one fails."""
    sys.stdout.reconfigure(line_buffering=True)
    parser = argparse.ArgumentParser(prog="make docs-check", description=main.__doc__)
    parser.add_argument("--only", default="", help="pattern of the commands that are run")
    parser.add_argument("--keep", action="store_true", help="go on in the clone that is there")
    asked = parser.parse_args()

    place = FOLDER / "clone"
    if not (asked.keep and place.exists()):
        shutil.rmtree(FOLDER, ignore_errors=True)
        make_place(place)
        # What `make` looks for, and the programs that pages name by their path.
        (place / ".venv").symlink_to(Path(sys.prefix))
    changed = ["git", "status", "--porcelain", "--untracked-files=no"]
    if subprocess.run(changed, cwd=ROOT, capture_output=True, check=True).stdout:
        print("what is not committed is not checked: the clone does not have it")

    failed, done = [], {}
    for command in read_commands():
        way = find_way(command.text)
        if way.kind is Kind.RUN and re.search(asked.only, command.text):
            lines = [line for line in (BEFORE.get(command.text), way.detail) if line]
            for line in (one for one in lines if one not in done):
                done[line] = _try(line, place, command)
                failed += [] if done[line] else [line]
    _sum_up(done, failed)
    sys.exit(bool(failed))


def _try(line, place, command):
    log = FOLDER / f"{len(list(FOLDER.glob('*.log'))):03}.log"
    start = time.monotonic()
    worked = run_command(line, place, log)
    seconds = time.monotonic() - start
    print(f"{'ok' if worked else 'FAILED':<6} {seconds:4.0f} s  {command.page}  {command.text}")
    if not worked:
        print(f"  run as: {line}\n  {log.relative_to(ROOT)}:")
        print("\n".join(f"    {last}" for last in log.read_text().splitlines()[-LAST:]))
    return worked


def _sum_up(done, failed):
    ways = [find_way(command.text) for command in read_commands()]
    tested = sum(way.kind is Kind.TESTED for way in ways)
    left = sum(way.kind is Kind.NOT_RUN for way in ways)
    print(
        f"{len(done)} commands run, {len(failed)} failed; "
        f"tests do the same as {tested} others, and {left} are not run (tests/documented/ways.py)"
    )


if __name__ == "__main__":
    main()
