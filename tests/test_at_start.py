"""What a command does before anything else."""

import io
import logging
import signal
import subprocess
import sys
from contextlib import chdir

import pytest

from mgd3_kedro.at_start import INTERRUPTED, log_as_in, tell_interrupts, write_any_text


def test_what_an_interrupt_broke_within_a_library_is_that_interrupt():
    code = (
        "from mgd3_kedro.at_start import tell_interrupts; tell_interrupts()\n"
        "try:\n    raise KeyboardInterrupt\n"
        "except KeyboardInterrupt:\n    raise RecursionError('half imported')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (-signal.SIGINT, f"{INTERRUPTED}\n")


def test_the_installed_command_tells_interrupts_before_it_imports_anything_of_others():
    code = (
        "import sys; from mgd3_kedro import __main__, at_start; "
        "print(sys.excepthook is at_start._tell, 'kedro' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "True False\n"


def test_ctrl_c_while_libraries_are_imported_is_one_line():
    code = (
        "import time; from mgd3_kedro.at_start import tell_interrupts; tell_interrupts(); "
        "print('ready', flush=True); time.sleep(60)"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has its background jobs ignore Ctrl-C, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert started.stdout.readline() == "ready\n"
    started.send_signal(signal.SIGINT)
    assert started.communicate(timeout=30)[1] == f"{INTERRUPTED}\n"
    assert started.returncode == -signal.SIGINT


def test_another_error_keeps_its_traceback(monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    tell_interrupts()
    try:
        raise KeyError("bug")
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", b"8 \\xb1 1 \\u2713"), ("latin-1", b"8 \xb1 1 \\u2713")]
)
def test_signs_that_a_terminal_cannot_show_are_no_error(encoding, shown, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    write_any_text()
    print("8 \xb1 1 \u2713", end="", flush=True)
    assert stream.buffer.getvalue() == shown


@pytest.fixture
def levels():
    """Put the levels and handlers of logging back."""
    root, own = logging.getLogger(), logging.getLogger("mgd3_kedro")
    before = [*root.handlers], root.level, own.level
    yield
    root.handlers[:], root.level, own.level = before


def test_messages_are_those_of_the_project_in_a_folder_below_it(tmp_path, monkeypatch, levels):
    monkeypatch.delenv("KEDRO_LOGGING_CONFIG", raising=False)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/logging.yml").write_text(
        "version: 1\ndisable_existing_loggers: false\nloggers:\n  mgd3_kedro: {level: ERROR}\n"
    )
    with chdir(tmp_path):
        log_as_in(tmp_path)
    assert logging.getLogger("mgd3_kedro").level != logging.ERROR  # Kedro has read it by then
    with chdir(tmp_path / "conf"):
        log_as_in(tmp_path)
    assert logging.getLogger("mgd3_kedro").level == logging.ERROR
