"""Try the faults: `python -m tests.faults`, or `make faults`.

Each happens to a project of its own: real processes, files, disks and signals. Then the command is
given again, and what there is is compared with what an undisturbed run makes, by digest.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.families import SEED, all_faults, can_happen, in_turn, spread
from faults.rows import ROWS, Row, code_digest, read_rows, write_rows
from faults.short import run_short
from faults.states import make_states, prepare
from faults.table import Fault
from faults.trial import KNOWN, try_fault
from faults.warm import warm_up
from faults.world import World


def main() -> None:
    """Try all faults that this code has not survived yet, and say which it does not."""
    sys.stdout.reconfigure(line_buffering=True)
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="faults side by side")
    parser.add_argument("--only", default="", help="start of the families that are tried")
    parser.add_argument("--what", default="", help="words of what happens")
    parser.add_argument("--each", type=int, help="most faults of a family")
    parser.add_argument("--seed", type=int, default=SEED, help="draws other moments and bytes")
    parser.add_argument("--rows", type=Path, default=ROWS, help="where results are kept")
    parser.add_argument("--list", action="store_true", help="tell the faults, and try none")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir(), "mgd3_kedro-faults")
    )
    parser.add_argument("--short", action="store_true", help="the few of the normal tests")
    asked = parser.parse_args()
    if asked.short:
        sys.exit(run_short(asked.folder) > 0)

    faults = {fault.digest: fault for fault in all_faults(asked.seed)}
    code = code_digest()
    rows = {digest: row for digest, row in read_rows(asked.rows).items() if digest in faults}
    wanted = [
        fault
        for digest, fault in faults.items()
        if can_happen(fault)
        and fault.family.startswith(asked.only)
        and asked.what in fault.what
        and not (digest in rows and (rows[digest].survived, rows[digest].code) == ("yes", code))
    ]
    wanted = in_turn(spread(wanted, asked.each) if asked.each else wanted, rows)
    if asked.list:
        for fault in wanted:
            print(f"{fault.family}: {fault.what}")
    elif wanted:
        world = _prepare(asked.folder / code)
        for fault, (told, seconds) in _try_all(world, wanted, asked.jobs):
            survived = "no" if told else "yes"
            row = Row(
                fault.family, fault.what, survived, told, f"{seconds:.1f}", code, fault.digest
            )
            rows[fault.digest] = row
            write_rows(asked.rows, [rows[digest] for digest in faults if digest in rows])
            print(f"{survived:<4} {seconds:5.1f} s  {fault.family}: {fault.what}  {told}".rstrip())
    lost = [row for row in rows.values() if row.survived == "no"]
    print(f"{len(faults)} faults, {len(rows)} tried, {len(rows) - len(lost)} survived")
    for row in lost:
        print(f"did not survive: {row.family}: {row.what}: {row.told}")
    sys.exit(bool(lost))


def _prepare(folder: Path) -> World:
    """Make the states of this code, and have this process ready to be forked."""
    for other in folder.parent.glob("*/states"):
        if other.parent != folder:
            shutil.rmtree(other.parent)
    world = prepare(folder)
    warm_up(folder / "states/fresh")
    make_states(world)
    return world


def _try_all(world: World, faults: list[Fault], jobs: int):
    KNOWN.update({fault.digest: fault for fault in faults})
    with ProcessPoolExecutor(jobs, get_context("fork")) as pool:
        tried = {pool.submit(try_fault, world.folder, fault.digest): fault for fault in faults}
        for done in as_completed(tried):
            yield tried[done], done.result()


if __name__ == "__main__":
    main()
