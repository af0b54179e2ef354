"""Tests of a copy, run in a process of their own."""

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import pytest

SAID = "said.txt"
LIBRARIES = (
    *("torch", "numpy", "pandas", "scipy.optimize", "matplotlib.figure", "plotly.graph_objects"),
    *("sklearn.cluster", "sklearn.manifold", "sklearn.mixture", "sklearn.neighbors"),
    *("kedro.framework.session", "kedro.framework.cli", "kedro_mlflow.framework.hooks", "mlflow"),
    *("joblib", "mlxtend.data", "PIL.Image", "pyarrow.parquet", "safetensors.torch"),
    *("torch.utils.data", "transformers"),
)
OF_DIFFUSERS = ("AutoencoderKL", "DiTPipeline", "UNet2DConditionModel", "UNet2DModel", "VQModel")


def run_tests(
    root: Path, arguments: Sequence[str], timeout: float | None = None
) -> tuple[int | None, str]:
    """Run tests of a copy in a process of its own.

    It is a fork of this one, which has imported the libraries already: that is most of the time
    that a short test takes.

    Returns:
        Exit status, None if it came to no end, and what was said.
    """
    process = get_context("fork").Process(target=_run, args=(root, arguments))
    process.start()
    process.join(timeout)
    code = process.exitcode
    # With all that it has started.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return code, (root / SAID).read_text(errors="replace")


def import_libraries() -> None:
    """Import what the tests of most modules import; nothing of the project."""
    os.environ |= {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "true"}
    for name in LIBRARIES:
        importlib.import_module(name)
    for name in OF_DIFFUSERS:
        getattr(importlib.import_module("diffusers"), name)


def _run(root: Path, arguments: Sequence[str]) -> None:
    os.setsid()
    with (root / SAID).open("w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.chdir(root)
    sys.path.insert(0, str(root / "src"))
    # A file that changes twice in a second would be taken from the cache of its code.
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-q", "-n", "0", "-o", "addopts=", "-m", "not large and not slow", "--tb=no", "-rfE"]
    code = pytest.main(["-p", "no:cacheprovider", *options, *arguments])
    sys.stdout.flush()
    os._exit(int(code))
