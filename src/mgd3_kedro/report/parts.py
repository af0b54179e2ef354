"""What a page consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chart:
    """A figure that Plotly draws in the browser.

    Args:
        traces: As Plotly's JSON has them; arrays may be NumPy's, and what is not finite is a gap.
        layout: Likewise; colours of text, axes and background are those of the page.
        height: In pixels.
        label: What is drawn, for those who do not see it.
    """

    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    height: int
    label: str


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Args:
        key: Its anchor.
        title: Above it, and in the list of contents.
        lead: A sentence or two that say what is seen; empty for none.
        content: What the template shows; empty where there is nothing to show.
        note: What is left out, or why there is nothing to show and what makes it; empty for none.
        template: Name of the template that shows the content; empty where it is that of the key.
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
    """A page.

    Args:
        kind: What it is, above the title.
        title: What it is about.
        facts: Further facts, in the order that they are told in.
        sections: From top to bottom.
    """

    kind: str
    title: str
    facts: Sequence[str]
    sections: Sequence[Section]


def missing(key: str, title: str, note: str) -> Section:
    """Return a section that says why there is nothing to show.

    Args:
        key: As that of the section.
        title: As that of the section.
        note: What is not there, and what makes it.
    """
    return Section(key, title, note=note)
