"""Takes the pictures of pages that the documentation shows: python -m tests.screenshots.

The pages are those that `kedro sweep screenshots` has left; only digits are on them.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from browser import find_browser, take_picture

REPOSITORY = Path(__file__).resolve().parents[1]
REPORTS = REPOSITORY / "data/08_reporting/mnist/test"
FIGURES = REPOSITORY / "docs/figures"
RUN = "dit/ipc10/mgd3/seed0/hard-short/report.html"
SHOTS = {
    "report": (RUN, {"width": 1280, "height": 1500}),
    "report_dark_phone": (RUN, {"width": 390, "height": 1500, "dark": True}),
    "report_methods": ("comparison/methods-ipc10.html", {"width": 1280, "height": 1500}),
}
"""Picture -> page, and how it is looked at."""
COLOURS = 128


def main():
    """Take all pictures."""
    if find_browser() is None:
        sys.exit("expected Chromium or Chrome, found none; on Debian: apt-get install chromium")
    for name, (page, view) in SHOTS.items():
        if not (REPORTS / page).is_file():
            sys.exit(f"expected {REPORTS / page}, found no such file; run make screenshots")
        picture = FIGURES / f"{name}.png"
        with tempfile.TemporaryDirectory() as folder:
            take_picture(REPORTS / page, picture, folder, **view)
        with Image.open(picture) as found:
            small = found.convert("RGB").quantize(COLOURS)
        small.save(picture, optimize=True)
        print(picture.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
