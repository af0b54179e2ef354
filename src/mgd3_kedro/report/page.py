"""Pages as HTML files that need nothing but a browser."""

from __future__ import annotations

import base64
import gzip
import json
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mgd3_kedro.report.parts import Chart, Page
from mgd3_kedro.version import code_version

if TYPE_CHECKING:
    from jinja2 import Environment

PACKING = 6
"""Level of gzip, of at most 9; higher ones take twice as long and save about 1 %."""
TEMPLATES = Path(__file__).parent / "templates"


def render_page(page: Page) -> str:
    """Return a page as the text of one HTML file, which loads no other file.

    All text that comes from data is escaped. Plotly's script is included once, and only if there is
    a chart.
    """
    charts = [
        value for of in page.sections for value in of.content.values() if isinstance(value, Chart)
    ]
    return (
        _environment()
        .get_template("page.html")
        .render(page=page, plotly=_packed_plotly() if charts else "", made_by=code_version())
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["chart_json"] = _chart_json
    environment.tests["chart"] = lambda value: isinstance(value, Chart)
    return environment


@cache
def _packed_plotly() -> str:
    """Return Plotly's script, compressed to a third; the browser unpacks it."""
    # Plotly's own function for this imports all of its figures first.
    script = pkgutil.get_data("plotly", "package_data/plotly.min.js") or b""
    return base64.b64encode(gzip.compress(script, PACKING, mtime=0)).decode()


def _chart_json(chart: Chart) -> str:
    """Return a chart as JSON; the page escapes it."""
    return json.dumps({"data": _plain(chart.traces), "layout": _plain(chart.layout)})


def _plain(value: Any) -> Any:
    """Return a value that JSON can represent; None for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value
