import subprocess
import sys

HEAVY = ("matplotlib", "plotly", "sklearn", "PIL.Image")


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_importing_metrics_coresets_and_figures_loads_nothing_heavy():
    code = (
        "import sys, mgd3_kedro.metrics, mgd3_kedro.coresets, mgd3_kedro.figures\n"
        "print(*sys.modules)"
    )
    loaded = set(run(code))
    assert "mgd3_kedro.figures.curves" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_drawing_leaves_the_state_of_pyplot_alone():
    code = (
        "import sys\n"
        "from mgd3_kedro.figures import draw_training_curves\n"
        "figure = draw_training_curves({'a': [{'step': 0, 'loss': 1.0, 'top1': 2.0}]})\n"
        "figure.draw_without_rendering()\n"
        "print(*sys.modules)"
    )
    loaded = set(run(code))
    assert "matplotlib.figure" in loaded
    assert "matplotlib.pyplot" not in loaded
