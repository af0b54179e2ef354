import json
import shutil
from pathlib import Path

import pytest
from kedro.io import DatasetError

from mgd3_kedro.datasets.model_folder import ModelFolderDataset
from mgd3_kedro.records import ModelFolder

COMMAND = "kedro run --pipelines=pretrain --env mnist"


@pytest.fixture
def prior(dit_folder, tmp_path):
    """Return a copy of a saved pipeline, to be damaged."""
    return Path(shutil.copytree(dit_folder, tmp_path / "prior"))


def load(folder):
    return ModelFolderDataset(filepath=str(folder), made_by=COMMAND).load()


def test_loading_gives_the_folder_and_the_identity_of_its_weights(prior):
    partition = load(prior)
    assert partition.load() == ModelFolder(prior, partition.fingerprint)
    assert load(prior).fingerprint == partition.fingerprint


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("vae/config.json", True),
        ("transformer/diffusion_pytorch_model.safetensors", True),
        ("README.md", False),
    ],
)
def test_the_identity_is_that_of_weights_and_configurations(name, matters, prior):
    before = load(prior).fingerprint
    with (prior / name).open("ab") as file:
        file.write(b" ")
    assert (load(prior).fingerprint != before) == matters


@pytest.mark.parametrize(
    ("remove", "named"),
    [
        (".", ""),
        ("transformer", "/transformer"),
        ("vae/diffusion_pytorch_model.safetensors", "/vae"),
    ],
)
def test_missing_weights_are_named_with_the_command_that_makes_them(remove, named, prior):
    path = prior / remove
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    message = f"expected model weights in {prior}{named}, found none; make them with: {COMMAND}"
    with pytest.raises(DatasetError, match=message):
        load(prior)


def test_a_part_that_a_pipeline_does_without_is_not_missed(prior):
    index = prior / "model_index.json"
    parts = json.loads(index.read_text())
    index.write_text(json.dumps({**parts, "safety_checker": [None, None], "note": "text"}))
    assert load(prior).load().path == prior


class Saved:
    """A model that writes one file, and perhaps no more."""

    def __init__(self, weights, failure=None):
        self._weights = weights
        self._failure = failure

    def save_pretrained(self, folder, safe_serialization):
        (Path(folder) / "vae").mkdir()
        (Path(folder) / "vae/weights.safetensors").write_bytes(self._weights)
        if self._failure:
            raise self._failure


def test_texts_bytes_and_models_are_put_in_place_together(tmp_path):
    dataset = ModelFolderDataset(filepath=str(tmp_path / "prior"), made_by=COMMAND)
    assert not dataset.exists()
    dataset.save({"README.md": "card", "samples.png": b"png", "pipeline": Saved(b"one")})
    assert dataset.exists()
    dataset.save({"README.md": "card", "pipeline": Saved(b"two")})
    files = {
        str(path.relative_to(tmp_path)): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert files == {"prior/README.md": b"card", "prior/vae/weights.safetensors": b"two"}


def test_a_failed_save_leaves_the_old_weights_and_no_debris(tmp_path):
    dataset = ModelFolderDataset(filepath=str(tmp_path / "prior"), made_by=COMMAND)
    dataset.save({"pipeline": Saved(b"old")})
    full = Saved(b"ne", failure=OSError(28, "No space left on device"))
    with pytest.raises(DatasetError, match=r"prior could not be written: .*No space left"):
        dataset.save({"pipeline": full})
    assert (tmp_path / "prior/vae/weights.safetensors").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["prior"]
