import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kedro.io import DatasetError

from mgd3_kedro.datasets.hub import find_model

MODEL = "nobody-at-all/no-such-model"


@pytest.fixture
def offline(tmp_path):
    """Run Python offline, with a hub cache of its own."""
    cache = tmp_path / "cache"

    def python(code):
        variables = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache), "HF_HOME": str(cache)}
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    python.cache = cache
    return python


def test_a_folder_is_sought_in_the_project_and_then_in_the_working_directory(tmp_path, monkeypatch):
    project, here = tmp_path / "project", tmp_path / "here"
    for folder in (project / "models/mine", here / "models/mine", here / "models/other"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert find_model("models/mine", project) == project / "models/mine"
    assert find_model("models/other", project) == Path("models/other")
    assert find_model(str(here), project) == here


@pytest.mark.parametrize("name", ["models/missing", "data/06_models/missing", "/missing", "../a"])
def test_a_missing_folder_of_the_project_is_never_looked_for_on_the_hub(
    name, tmp_path, monkeypatch
):
    (tmp_path / "models").mkdir()
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert find_model(name, tmp_path) == tmp_path / name


def test_what_was_downloaded_before_is_found_offline(offline, dit_folder):
    repository = offline.cache / f"models--{MODEL.replace('/', '--')}"
    snapshot = repository / "snapshots/0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(dit_folder, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(snapshot.name)
    code = f"""
from pathlib import Path
from mgd3_kedro.datasets.hub import find_model
print(find_model({MODEL!r}, Path()))
"""
    found = offline(code)
    assert found.stdout.strip() == str(snapshot), found.stderr


def test_a_model_missing_offline_is_an_error_that_says_what_to_do_without_a_connection(offline):
    code = f"""
import socket
import kedro.io
from pathlib import Path
from mgd3_kedro.datasets.hub import find_model
def refuse(*arguments):
    raise AssertionError("a connection was made")
socket.socket.connect = refuse
try:
    find_model({MODEL!r}, Path())
except kedro.io.DatasetError as error:
    print(error)
"""
    answer = offline(code)
    assert answer.stdout.startswith(
        f"expected the folder {MODEL}, or a model of this id in the cache"
    ), answer.stderr
    assert "without HF_HUB_OFFLINE" in answer.stdout
    assert f"hf download {MODEL} --local-dir FOLDER" in answer.stdout


def test_nothing_is_sought_but_configurations_vocabularies_and_safe_weights(monkeypatch):
    import huggingface_hub

    asked = {}
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda model, **what: asked.update(what) or "folder"
    )
    assert find_model(MODEL, Path()) == Path("folder")
    files = [
        "model_index.json",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.bin",
        "unet/config.json",
        "text_encoder/model.safetensors",
        "text_encoder/pytorch_model.bin",
        "tokenizer/merges.txt",
        "safety_checker/model.safetensors",
        "v1-5-pruned.ckpt",
        "v1-5-pruned.safetensors",
    ]
    patterns = {
        "allow_patterns": asked["allow_patterns"],
        "ignore_patterns": asked["ignore_patterns"],
    }
    kept = set(huggingface_hub.utils.filter_repo_objects(files, **patterns))
    assert kept == {
        "model_index.json",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/merges.txt",
    }


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("GatedRepoError", f"licence must be accepted on https://huggingface.co/{MODEL}"),
        ("RepositoryNotFoundError", "found neither$"),
    ],
)
def test_a_gated_repository_and_an_unknown_one_are_told_apart(kind, message, monkeypatch):
    import huggingface_hub

    error_class = getattr(huggingface_hub.errors, kind)

    def refuse(*_, **__):
        raise error_class.__new__(error_class)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(DatasetError, match=message):
        find_model(MODEL, Path())
