"""Parts of a report page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chart:
    """A figure that Plotly draws in the browser.

    Args:
        traces: Plotly traces; arrays may be NumPy's, and values that are not finite become gaps.
        layout: Plotly layout; the page sets the colours of text, axes and background.
        height: Height in pixels.
        label: Description of the chart for screen readers.
    """

    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    height: int
    label: str


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Args:
        key: Anchor of the section.
        title: Title above the section and in the table of contents.
        lead: One or two sentences that explain the content; empty for none.
        content: Values for the template; empty if there is nothing to show.
        note: What is left out, or why there is nothing to show and which command makes it; empty
            for none.
        template: Name of the template that shows the content; empty to use the key.
    """

    key: str
    title: str
    lead: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    template: str = ""

    @property
    def shown_by(self) -> str:
        """Name of the template that shows the content."""
        return f"{self.template or self.key}.html"


@dataclass(frozen=True)
class Page:
    """A report page.

    Args:
        kind: Kind of page, written above the title.
        title: Subject of the page.
        facts: Further facts, in the order in which they are shown.
        sections: Sections, from top to bottom.
    """

    kind: str
    title: str
    facts: Sequence[str]
    sections: Sequence[Section]


def missing(key: str, title: str, note: str) -> Section:
    """Return a section that says why there is nothing to show.

    Args:
        key: Key of the section.
        title: Title of the section.
        note: What is missing, and what makes it.
    """
    return Section(key, title, note=note)
