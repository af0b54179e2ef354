"""Runs the example of the README on some digits: `library_example.py README.md`."""

import re
import sys
from pathlib import Path

from mgd3_kedro import save_images
from mgd3_kedro.datasets.embedded_digits import read_class


def example_of(page):
    """Return the code of the page's example."""
    (code,) = re.findall(r"```python\n(.*?)```", Path(page).read_text(encoding="utf-8"), re.DOTALL)
    return code


def save_digits(folder, first, stop):
    """Write digits as people have them, a folder per class, so that they are read in this order."""
    for digit in range(10):
        place = Path(folder) / str(digit)
        save_images(read_class(digit, first, stop), place)
        for file in place.iterdir():
            file.rename(place / f"{int(file.stem):03}.png")


if __name__ == "__main__":
    save_digits("path/to/digits", 0, 8)
    exec(example_of(sys.argv[1]).replace("ipc=10", "ipc=2"), {})
    assert len(list(Path("distilled").rglob("*.png"))) == 20
