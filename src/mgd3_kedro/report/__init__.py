"""Pages that show what runs made: self-contained HTML, to be opened, printed and passed on."""

from mgd3_kedro.report.page import render_page
from mgd3_kedro.report.parts import Chart, Page, Section, missing

__all__ = ["Chart", "Page", "Section", "missing", "render_page"]
