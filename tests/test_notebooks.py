"""The notebooks run in a small project, show what they say and warn of nothing."""

import json
import shutil
import warnings
from contextlib import chdir

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib import pyplot as plt
from PIL import Image
from tiny_project import REPOSITORY, output

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
NOT_SHOWN = (DeprecationWarning, ImportWarning, PendingDeprecationWarning, ResourceWarning)
"""Warnings that Python shows nobody unless they are asked for."""


def code_cells(path):
    """Return the cells of a notebook that have code."""
    cells = json.loads(path.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.fixture
def execute(copied, tmp_path):
    """Run all cells of a notebook, and return their values, its names and what went to stderr."""
    shutil.copytree(REPOSITORY / "docs/results", copied / "docs/results")

    def run_cells(name):
        shell = InteractiveShell(ipython_dir=str(tmp_path / "ipython"))
        values = []
        with chdir(copied), warnings.catch_warnings(), capture_output() as said:
            warnings.simplefilter("always")
            for category in NOT_SHOWN:
                warnings.simplefilter("ignore", category)
            for cell in code_cells(REPOSITORY / f"notebooks/{name}.ipynb"):
                ran = shell.run_cell("".join(cell["source"]))
                ran.raise_error()
                values.append(ran.result)
        plt.close("all")
        return values, shell.user_ns, said.stderr

    return run_cells


def test_committed_notebooks_have_no_outputs():
    assert len(NOTEBOOKS) == 3
    cells = [cell for path in NOTEBOOKS for cell in code_cells(path)]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)


def test_the_notebook_on_the_method_draws_the_pixels_of_the_library(execute):
    values, names, stderr = execute("01_first_run")
    assert stderr == ""
    assert values[-1] is True
    assert names["ways_guided"].shape[:2] == (4, 10)
    # Three stops, and a picture for each step that is shown.
    assert [len(row) for row in names["frames"]] == [len(names["shown"])] * 3
    ends = [way[-1].sub(names["modes"].modes).norm() for way in names["ways_of_stops"].values()]
    assert ends == sorted(ends, reverse=True)
    assert ends[0] > ends[-1]


def test_the_notebook_on_runs_has_rows_and_runs(execute):
    _, names, stderr = execute("02_compare_runs")
    assert stderr == ""
    means = names["means"]
    assert means["mgd3"] > means["random"] > means["unguided"]
    own = names["own"]
    assert own["count"].tolist() == [2]
    logged = names["logged"]
    assert logged["method"].tolist() == ["mgd3"]
    assert logged["top1_last"].tolist() == pytest.approx(own["mean"].tolist(), abs=0.1)
    assert names["seconds"]["encode/encode_images"] > 0


def test_the_notebook_on_a_set_shows_a_finished_run(execute, copied):
    values, _, stderr = execute("03_look_at_a_distilled_set")
    assert stderr == ""
    sheet, provenance, rows, scores, plane = values[2:]
    with Image.open(output(copied, "08_reporting") / "contact_sheet.png") as picture:
        assert sheet.tobytes() == picture.tobytes()
    assert len(provenance) == 5
    assert len(rows) == 2
    assert len(scores) == 10
    assert len(plane.data) > 1
