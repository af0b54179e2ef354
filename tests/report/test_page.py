import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from mgd3_kedro.report import Chart, Page, Section, missing, render_page
from mgd3_kedro.report.charts import chart_lines, chart_points, chart_stacks
from mgd3_kedro.report.class_charts import chart_confusion, chart_planes

HOSTILE = "<script>alert(1)</script> & \"'co'</style>"


class Reader(HTMLParser):
    """Collects tags, attributes, and text outside of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self._open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self._open):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def page_of(*sections):
    return render_page(Page("kind", f"title {HOSTILE}", (f"fact {HOSTILE}",), sections))


def cite(text):
    return Section("cite", "Cite", content={"entries": [{"name": text, "text": text}]})


def test_a_page_asks_for_no_other_file():
    chart = chart_lines({"a": [(1, 2.0), (2, 3.0)]}, "x", "y")
    read = Reader(page_of(Section("learning", "Curves", "", {"accuracy": chart, "loss": chart})))
    loaded = [value for _, name, value in read.attributes if name in ("src", "href", "srcset")]
    assert all(value.startswith(("#", "data:")) for value in loaded)
    policies = [value for tag, name, value in read.attributes if (tag, name) == ("meta", "content")]
    assert any(policy.startswith("default-src 'none'") for policy in policies)


def test_what_comes_from_data_is_shown_and_never_run():
    plain, read = Reader(page_of(cite("words"))), Reader(page_of(cite(HOSTILE)))
    assert read.tags == plain.tags
    assert read.text.count(HOSTILE) == plain.text.count(HOSTILE) + 2


def test_charts_tell_names_as_they_are():
    names = ["<b>", "a & b"]
    charts = [
        chart_confusion(np.array([[3, 1], [0, 4]]), names),
        chart_lines({name: [(1, 2.0)] for name in names}, "x", "y"),
        chart_points({names[0]: [{"name": names[1], "x": 1, "y": 2}]}, "x", "y"),
        chart_planes({"n0": {"real": [[0, 1]], "made": [[1, 0]], "ids": ["i"]}}, names[0]),
        chart_stacks({names[0]: [1.0]}, [names[1]], "s"),
    ]
    for chart in charts:
        told = json.dumps([chart.traces, chart.layout], default=np.ndarray.tolist)
        assert "<b>" not in told
        assert "&lt;b&gt;" in told


def test_a_section_without_content_says_why_and_is_in_no_list_of_contents():
    read = Reader(page_of(cite("words"), missing("plane", "Plane", "run it first")))
    assert "run it first" in read.text
    links = [value for tag, name, value in read.attributes if (tag, name) == ("a", "href")]
    assert links == ["#cite"]
    assert ("section", "class", "absent") in read.attributes


def test_plotly_is_there_once_and_only_where_there_is_a_chart():
    chart = chart_lines({"a": [(1, 2.0)]}, "x", "y")
    with_charts = page_of(Section("learning", "Curves", "", {"accuracy": chart, "loss": chart}))
    assert with_charts.count('id="plotly"') == 1
    assert 1_000_000 < len(with_charts) < 3_000_000
    without = page_of(cite("words"))
    assert 'id="plotly"' not in without
    assert len(without) < 60_000


def test_what_is_not_finite_is_a_gap_in_a_chart():
    chart = chart_lines({"a": [(1, float("nan")), (2, float("inf")), (3, 0.123456789)]}, "x", "y")
    text = page_of(Section("learning", "Curves", "", {"accuracy": chart, "loss": chart}))
    (spec, _) = (value for _, name, value in Reader(text).attributes if name == "data-chart")
    assert json.loads(spec)["data"][0]["y"] == [None, None, 0.12346]


def test_the_same_page_is_the_same_file():
    chart = chart_lines({"a": [(1, 2.0)]}, "x", "y")
    section = Section("learning", "Curves", "", {"accuracy": chart, "loss": chart})
    assert page_of(section) == page_of(section)


def test_confusions_are_shares_of_the_true_class_on_a_scale_of_roots():
    (trace,) = chart_confusion(np.array([[9, 1], [0, 0]]), ["a", "b"]).traces
    np.testing.assert_allclose(trace["customdata"], [[90, 10], [0, 0]])
    np.testing.assert_allclose(trace["z"], np.sqrt([[90, 10], [0, 0]]))
    assert trace["text"] == [["9", "1"], ["", ""]]


def test_a_plane_shows_its_first_class():
    plane = {"real": [[0, 1]], "made": [[1, 0]], "ids": ["image-0-0"]}
    chart = chart_planes({"n0": plane, "n1": plane}, "mgd3")
    assert [trace["visible"] for trace in chart.traces] == [True, True, False, False]
    assert chart.traces[1]["customdata"] == ["image-0-0"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_scheme_of_its_reader(scheme):
    assert re.search(r'name="color-scheme" content="[^"]*' + scheme, page_of(cite("words")))


def test_a_chart_says_what_it_shows_to_those_who_do_not_see_it():
    chart = Chart([], {}, 100, f"label {HOSTILE}")
    read = Reader(page_of(Section("learning", "", "", {"accuracy": chart, "loss": chart})))
    assert ("figure", "aria-label", f"label {HOSTILE}") in read.attributes
