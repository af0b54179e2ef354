"""A real browser, headless: what it makes of a page, and what that looks like."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    # Until all that the page does by itself is done, however slow the machine is.
    "--virtual-time-budget=30000",
)
PROBE = """
<script>
(async () => {
  const root = document.documentElement;
  const wait = () => new Promise((done) => setTimeout(done, 100));
  while (document.querySelector("[data-chart]") && !root.dataset.charts) await wait();
  await wait();
  const inside = (element) => element.closest(".scroll, nav ul, pre, #tip, .js-plotly-plot");
  const wide = [...document.querySelectorAll("body *")].filter((element) =>
    !inside(element) && element.getBoundingClientRect().right > innerWidth + 1);
  const card = document.querySelector("[data-tip]");
  const moved = new PointerEvent("pointermove", { bubbles: true, clientX: 50, clientY: 50 });
  if (card) card.dispatchEvent(moved);
  const tip = document.getElementById("tip");
  const found = {
    width: innerWidth,
    full_width: document.scrollingElement.scrollWidth,
    full_height: document.scrollingElement.scrollHeight,
    wide: wide.map((element) => element.outerHTML.slice(0, 120)),
    charts: root.dataset.charts || "",
    drawn: document.querySelectorAll("[data-chart] svg.main-svg").length > 0
      ? document.querySelectorAll("[data-chart].js-plotly-plot").length : 0,
    sections: [...document.querySelectorAll("section")].map((one) => one.id),
    absent: [...document.querySelectorAll("section.absent")].map((one) => one.id),
    broken: [...document.images].filter((image) => image.complete && !image.naturalWidth).length,
    images: document.images.length,
    tip: { shown: !tip.hidden, text: tip.textContent, images: tip.querySelectorAll("img").length },
    background: getComputedStyle(document.body).backgroundColor,
    requests: performance.getEntriesByType("resource").map((one) => one.name)
      .filter((name) => !/^(data|blob):/.test(name)),
  };
  parent.postMessage(JSON.stringify(found), "*");
})();
</script>
"""


FRAME = """<!doctype html>
<body style="margin:0">
<iframe src="{page}" style="width:{width}px;height:{height}px;border:0;display:block"></iframe>
<script>
addEventListener("message", (event) => {{
  const told = document.createElement("pre");
  told.id = "probe";
  told.textContent = event.data;
  document.body.append(told);
}});
</script>
"""
"""No window is as narrow as a phone; a frame in it can be."""


def find_browser():
    """Return the path of a browser that can run headless, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def run_browser(page, *options, folder, width=1280, height=900, dark=False):
    """Open a file in a frame of some width, and return what the browser prints."""
    frame = folder / "frame.html"
    address = Path(page).resolve().as_uri()
    frame.write_text(FRAME.format(page=address, width=width, height=height))
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    command = [
        find_browser(),
        *OPTIONS,
        *scheme,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},{height}",
        *options,
        frame.resolve().as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout


def look_at(page, folder, **view):
    """Return what a page says of itself once it is drawn: its elements, widths and requests."""
    probed = Path(folder) / "probed.html"
    text = Path(page).read_text(encoding="utf-8")
    probed.write_text(text.replace("</body>", f"{PROBE}</body>"))
    printed = run_browser(probed, "--dump-dom", folder=Path(folder), **view)
    found = re.search(r'<pre id="probe">(.*?)</pre>', printed, re.DOTALL)
    assert found, f"the page did not come to its end: {printed[-2000:]}"
    return json.loads(unescape(found[1]))


def take_picture(page, picture, folder, *, width=1280, **view):
    """Save what a page looks like, as wide as it is asked for."""
    option = f"--screenshot={Path(picture).resolve()}"
    run_browser(page, option, folder=Path(folder), width=width, **view)
    with Image.open(picture) as found:
        cut = found.crop((0, 0, width, found.height))
    cut.save(picture, optimize=True)
