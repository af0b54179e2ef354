"""Runs commands in a shell, in the clone, with the programs of this environment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from .ways import SERVERS

LONGEST = 900
"""Seconds after which a command is stopped, and has failed."""


def run_command(text, place, log):
    """Run a command and return whether it worked.

    Args:
        text: As a shell takes it.
        place: Folder of the clone.
        log: File for what it prints.
    """
    with log.open("w") as output:
        process = subprocess.Popen(
            ["bash", "-euc", text],
            cwd=place,
            env=_variables(place),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if text in SERVERS:
                return _answers(SERVERS[text], process)
            return process.wait(LONGEST) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            _stop(process)


def _variables(place):
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    return {
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "PATH": os.pathsep.join(programs),
        # The package is installed from the checkout; what is checked is the clone.
        "PYTHONPATH": str(place / "src"),
        "DO_NOT_TRACK": "true",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _answers(address, process):
    end = time.monotonic() + LONGEST
    while process.poll() is None and time.monotonic() < end:
        try:
            with urlopen(address) as page:
                return page.status == 200
        except URLError:
            time.sleep(1)
    return False


def _stop(process):
    # A server has processes of its own.
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
