"""Adds to a clone what docs/extending.md adds: a member of each family."""

import re

PAGE = "docs/extending.md"
MEMBER = re.compile(
    r"^`(?P<file>src/\S+\.py)`, and `(?P<entry>[^`]+)` in\s+\[.*?\]\(\.\./(?P<table>[^)]+)\):\n\n"
    r"```python\n(?P<code>.*?)^```\n",
    re.MULTILINE | re.DOTALL,
)
NEEDED = {
    "src/mgd3_kedro/modes/farthest.py": (
        "MODE_FINDERS",
        """\
import numpy as np
import torch

from mgd3_kedro.modes.clusters import Clusters, flatten, squared_distances
from mgd3_kedro.modes.settings import ModesConfig
""",
    ),
    "src/mgd3_kedro/metrics/spread.py": (
        "METRICS",
        """\
import numpy as np

from mgd3_kedro.metrics.coverage import Neighbourhoods
""",
    ),
    "src/mgd3_kedro/sampling/guidance/centring.py": (
        "DRIFTS",
        """\
import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
""",
    ),
    "src/mgd3_kedro/evaluation/networks/linear.py": (
        "NETWORKS",
        """\
import torch
from torch import nn
""",
    ),
}
"""File that the page has the code of -> its table, and the imports that the page leaves out."""
DEFAULT = re.compile(r"and its default, `(?P<default>[^`]+)`, under `sampling`")
PARAMETERS = "conf/base/parameters.yml"


def extend(folder):
    """Write the code of the page to its files, and its lines into the tables.

    Raises:
        ValueError: If the page says this in a form that is not understood.
    """
    page = (folder / PAGE).read_text()
    members = list(MEMBER.finditer(page))
    if [member["file"] for member in members] != [*NEEDED]:
        raise ValueError(f"{PAGE}: expected the code of {', '.join(NEEDED)}, as in MEMBER")
    for member in members:
        path = folder / member["file"]
        table, imports = NEEDED[member["file"]]
        path.write_text(f"{imports}\n\n{member['code']}")
        _add_line(folder / member["table"], table, member)
    parameters = folder / PARAMETERS
    text = parameters.read_text()
    default = DEFAULT.search(page)["default"]
    parameters.write_text(
        re.sub(r"^( +)repulsion_scale: 0\n", rf"\g<0>\1{default}\n", text, flags=re.M)
    )


def _add_line(path, table, member):
    name = re.search(r"(?:def|class) (\w+)", member["code"])[1]
    module = member["file"].removeprefix("src/").removesuffix(".py").replace("/", ".")
    text = path.read_text()
    first = re.search(r"^from mgd3_kedro", text, re.MULTILINE).start()
    text = f"{text[:first]}from {module} import {name}\n{text[first:]}"
    start = re.search(rf"^{table}: .*= {{\n", text, re.MULTILINE).end()
    path.write_text(f"{text[:start]}    {member['entry']},\n{text[start:]}")
