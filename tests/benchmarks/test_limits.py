import io

import pytest

from benchmarks import limits
from benchmarks.dividing import Classes
from benchmarks.limits import compare_bare_halves, help_out
from benchmarks.models import Bench
from benchmarks.timing import LEAST_ROUNDS

FEW = Classes(count=3, images=8, ipc=2)


@pytest.fixture
def clustered(monkeypatch):
    """Tell which points were clustered, by the first number of each class."""
    found = []

    def run(points, *settings):
        found.append((points.shape, float(points[0, 0])))

    monkeypatch.setattr(limits, "run_kmeans", run)
    return found


def test_a_helper_clusters_the_classes_that_it_is_told_to(clustered, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("0 1\n1 3\n"))
    help_out("3", "8", "2")
    assert capsys.readouterr().out.split() == ["ready", "done", "done"]
    assert len(clustered) == len(set(clustered)) == 3
    assert {shape for shape, _ in clustered} == {(8, 8)}


def test_two_processes_divide_the_classes_and_one_takes_all(clustered, tmp_path):
    spread = compare_bare_halves(Bench(tmp_path, "cpu", seconds=0.0), FEW)
    assert 0 < spread.low <= spread.median <= spread.high
    # The other half is with the helper, which is another process.
    assert len(clustered) == (1 + LEAST_ROUNDS) * (1 + 3)
    assert len(set(clustered)) == 3
