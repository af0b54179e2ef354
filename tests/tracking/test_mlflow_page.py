"""What a person sees of runs in MLflow's pages, with the rows that results.md is made of."""

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import closing
from urllib.error import URLError
from urllib.request import urlopen

import pandas as pd
import pytest
import yaml
from live_page import PATIENCE, SIZE, keep_picture, open_page
from tiny_project import REPOSITORY

from mgd3_kedro.run_names import name_run
from mgd3_kedro.tracking.outputs import log_output
from mgd3_kedro.tracking.parameters import tags_of
from mgd3_kedro.tracking.runs import RunTracker

METHODS = ("mgd3", "unguided", "random")
USED = ("benchmark", "split", "backbone", "method", "ipc", "seed", "protocol", "preset")
ADDRESS = re.compile(r"http://127\.0\.0\.1:5000(/#/experiments/1/runs\?\S+?)>")


@pytest.fixture(scope="module")
def pages(store):
    """Log the committed rows of some methods as runs would, and serve MLflow's pages of them."""
    configured = yaml.safe_load((REPOSITORY / "conf/base/mlflow.yml").read_text())
    views = configured["tracking"]["experiment"]["create_experiment_kwargs"]["tags"]
    rows = pd.read_csv(REPOSITORY / "docs/results/mnist_rows.csv", keep_default_na=False)
    shown = rows[
        rows["method"].isin(METHODS)
        & (rows["ipc"] == 10)
        & (rows["settings"] == "")
        & (rows["protocol"] == "hard")
        & (rows["preset"] == "short")
        & (rows["seed"] < 3)
    ]
    for _, of_run in shown.groupby(["method", "seed"]):
        first = of_run.iloc[0]
        used = {**first[list(USED)], "trainings.networks": list(of_run["network"].unique())}
        name = name_run(["distill"], ["distill"], first["method"], used, [])
        tracker = RunTracker.open(name, {}, store, store="here", online=True)
        tracker.start({key: str(value) for key, value in used.items()}, tags_of(used, []), views)
        log_output(tracker, "headline", "result_rows", of_run, None)
        tracker.end()
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{store / 'mlflow.db'}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, start_new_session=True, **quiet)
    try:
        yield _when_ready(f"http://127.0.0.1:{port}")
    finally:
        # With its workers.
        os.killpg(server.pid, 15)
        server.wait()


def _when_ready(address):
    until = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < until:
        try:
            urlopen(f"{address}/health")
        except URLError:
            time.sleep(0.2)
        else:
            return address
    raise TimeoutError(address)


def _close_assistant(page):
    """Close the panel that MLflow opens beside its pages at a first visit."""
    panel = page.locator("[data-component-id='mlflow.assistant.chat_panel.close']")
    if panel.count():
        panel.click()


def _is_in_sight(shown):
    """Tell whether something is on the page without scrolling."""
    shown.wait_for()
    box = shown.bounding_box()
    return (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= SIZE["width"]
        and box["y"] + box["height"] <= SIZE["height"]
    )


def test_runs_are_a_table_of_results_and_two_methods_are_compared_at_a_glance(browser, pages):
    (documented,) = ADDRESS.findall((REPOSITORY / "docs/runs.md").read_text())
    page = open_page(browser, pages + documented)
    names = page.get_by_role("link", name=re.compile("ipc10 seed[012] hard-short"))
    names.nth(3 * len(METHODS) - 1).wait_for()
    _close_assistant(page)
    for column in ("top1_last", "top1_best", "method", "ipc", "seed", "protocol", "benchmark"):
        assert _is_in_sight(page.locator(f"[role=columnheader][col-id$='`{column}`']")), column
    keep_picture(page, "mlflow_runs")
    search = page.get_by_placeholder("metrics.rmse")
    search.fill("tags.seed = '0' and tags.method != 'unguided'")
    search.press("Enter")
    names.nth(2).wait_for(state="detached")
    assert names.count() == 2
    page.keyboard.press("Escape")
    for row in names.all():
        number = row.locator("xpath=ancestor::*[@row-index]").first.get_attribute("row-index")
        cell = page.locator(f"[row-index='{number}'] [col-id='metrics.`top1_last`']")
        assert _is_in_sight(cell)
        assert 90 < float(cell.inner_text()) < 100
    keep_picture(page, "mlflow_comparison")
