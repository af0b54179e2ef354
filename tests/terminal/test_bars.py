import logging

import pytest
from rich.console import Console

from mgd3_kedro.progress import Progress, report
from mgd3_kedro.terminal import Showing, choose_display
from mgd3_kedro.terminal.bars import Bars, rate_in_words
from mgd3_kedro.terminal.lines import Lines


@pytest.fixture
def console():
    return Console(force_terminal=True, width=100, record=True)


@pytest.fixture(autouse=True)
def level(caplog):
    caplog.set_level(logging.INFO, logger="mgd3_kedro")


def test_a_terminal_has_a_bar_per_phase_and_keeps_the_seconds_of_nodes(console):
    showing = Showing(Bars(console))
    showing.display.begin("train_networks")
    report(Progress("convnet3-0", 5, 20, "epoch", "1 min 30 s"))
    showing.display._rich.refresh()
    shown = console.export_text(clear=False)
    assert "train networks" in shown
    assert "convnet3-0" in shown
    assert "5/20" in shown
    assert "1 min 30 s left" in shown
    showing.display._begun["train_networks"] -= 61
    showing.display.end("train_networks")
    showing.stop()
    assert "✓ train networks: 1 min 1 s" in console.export_text()


def test_reports_are_shown_while_a_run_lasts_and_logged_otherwise(console, caplog):
    showing = Showing(Bars(console))
    report(Progress("latents", 1, 10))
    logging.getLogger("mgd3_kedro.training.loop").info("continuing from step %d of %s", 2, "a file")
    showing.stop()
    assert caplog.messages == ["continuing from step 2 of a file"]
    report(Progress("latents", 2, 10))
    assert caplog.messages[1:] == ["latents: 2 of 10"]


def test_a_log_has_lines():
    assert isinstance(choose_display(), Lines)


@pytest.mark.parametrize(
    ("speed", "unit", "words"),
    [
        (None, "step", ""),
        (2.0, "step", "2.0 steps/s"),
        (0.25, "step", "4.0 s each"),
        (3, "", "3.0/s"),
    ],
)
def test_rates_are_said_so_that_the_number_is_above_one(speed, unit, words):
    assert rate_in_words(speed, unit) == words
