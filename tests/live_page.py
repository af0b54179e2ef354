"""Pages of a server in a browser, for tests that click; pictures of them where somebody asks."""

import os
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browser import find_browser

SIZE = {"width": 1600, "height": 1000}
PATIENCE = 120_000
"""Milliseconds that a busy machine may take to show something."""


@contextmanager
def open_browser():
    """Start the browser that is installed, or skip the test."""
    program = find_browser()
    if not program:
        pytest.skip("no browser is installed here; `apt-get install chromium` installs one")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        # Chromium refuses its sandbox to root, as whom containers run.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=program, args=arguments, timeout=PATIENCE)
        yield browser
        browser.close()


def open_page(browser, address):
    """Open a page in a window of its own."""
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    return page


def keep_picture(page, name):
    """Save a picture of a page in the folder that `SCREENSHOTS` names, if it names one."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder, f"{name}.png"), animations="disabled")


@contextmanager
def served(folder):
    """Serve a folder to this machine, and give its address."""
    handler = partial(_QuietHandler, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass
