import importlib.metadata
import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass

import pytest

from mgd3_kedro import environment as module
from mgd3_kedro.environment import (
    command,
    device_name,
    devices_of,
    environment,
    libraries_of,
    precisions_of,
    versions_of,
    without_precision,
)


def load():
    import numpy as np
    from PIL import Image
    from sklearn.cluster import KMeans

    return np, Image, KMeans


def test_libraries_go_by_the_names_they_are_installed_by():
    found = libraries_of(load, None)
    assert list(found) == ["numpy", "pillow", "scikit-learn"]
    assert found == {name: importlib.metadata.version(name) for name in found}


def test_libraries_that_are_not_installed_have_no_version():
    assert list(versions_of(["torch", "no-such-library"])) == ["torch"]


def test_an_environment_is_one_line_of_words(monkeypatch):
    words = dict(word.split("=", 1) for word in environment().split(" "))
    assert list(words) == ["python", "torch", "diffusers", "scikit-learn", "kedro", "device"]
    assert words["python"] == platform.python_version()
    assert words["torch"] == importlib.metadata.version("torch")
    assert words["device"] == "_".join(device_name().split())


@pytest.fixture
def anew():
    device_name.cache_clear()
    yield
    device_name.cache_clear()


def test_the_device_is_the_gpu_where_there_is_one(anew, monkeypatch):
    names = {None: "NVIDIA H100 80GB HBM3", 1: "NVIDIA L4"}
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: names[device.index])
    assert environment().endswith(" device=NVIDIA_H100_80GB_HBM3")
    assert environment(["cuda:1"]).endswith(" device=NVIDIA_L4")
    # What a run has asked of the CPU was not done by the GPU beside it.
    assert environment(["cpu"]).endswith(f" device={'_'.join(device_name('cpu').split())}")
    assert device_name("cpu") not in names.values()
    both = environment(["cuda:1", "cpu"]).partition(" device=")[2]
    assert both == f"NVIDIA_L4+{'_'.join(device_name('cpu').split())}"


def test_the_devices_of_settings_are_those_that_they_name_however_deep():
    @dataclass(frozen=True)
    class Part:
        device: str

    @dataclass(frozen=True)
    class Whole:
        parts: tuple[Part, ...]
        others: dict[str, Part]
        size: int = 3

    whole = Whole((Part("cuda:1"), Part("cpu")), {"one": Part("cuda:1")})
    assert devices_of(whole) == ["cuda:1", "cpu"]
    assert devices_of(Whole((), {})) == devices_of(None) == ["cpu"]
    assert precisions_of(whole) == []


def test_what_computed_in_which_precision_is_told_where_it_is_known():
    @dataclass(frozen=True)
    class Part:
        precision: str | None

    several = [Part("bf16"), Part(None), Part("fp32"), Part("bf16")]
    assert precisions_of({"diffusion": several[0], "others": several[1:]}) == ["bf16", "fp32"]
    assert environment(["cpu"], ["bf16", "fp32"]) == f"{environment(['cpu'])} precision=bf16+fp32"
    assert without_precision(environment(["cpu"], ["bf16"])) == environment(["cpu"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz \nprocessor\t: 1\n",
            "Some CPU @ 2.00GHz",
        ),
        ("processor\t: 0\n", platform.processor() or platform.machine()),
        (None, platform.processor() or platform.machine()),
    ],
    ids=["Linux", "no name", "no such file"],
)
def test_the_device_is_else_the_processor(text, name, anew, monkeypatch, tmp_path):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(module, "PROCESSORS", tmp_path / "cpuinfo")
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert device_name() == name


@pytest.mark.parametrize(
    ("argv", "typed"),
    [
        (["/env/bin/kedro", "run", "--env=mnist"], "kedro run --env=mnist"),
        (["/env/lib/kedro/__main__.py", "run"], "kedro run"),
        (["kedro", "run", "--params", "label=a b"], "kedro run --params 'label=a b'"),
        (["-c"], "-c"),
    ],
)
def test_a_command_is_what_was_typed_without_where_the_program_is(argv, typed, monkeypatch):
    monkeypatch.setattr(sys, "argv", argv)
    assert command() == typed
    assert shlex.split(command())[1:] == argv[1:]


def test_neither_torch_nor_scikit_learn_is_imported_to_ask():
    code = (
        "import sys, mgd3_kedro.environment as e; "
        "e.libraries_of(e.command, 'kmeans'); print({'torch', 'sklearn'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
