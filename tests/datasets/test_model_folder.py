import json
import shutil
from pathlib import Path

import pytest
from kedro.io import DatasetError

from mgd3_kedro.backbones import check_backbone
from mgd3_kedro.datasets import model_folder
from mgd3_kedro.datasets.model_folder import ModelFolderDataset
from mgd3_kedro.records import ModelFolder

ADVICE = "kedro run --pipelines=pretrain --env mnist trains it"


@pytest.fixture
def prior(dit_folder, tmp_path):
    """Return a copy of a saved pipeline, to be damaged."""
    return Path(shutil.copytree(dit_folder, tmp_path / "prior"))


def dataset_of(folder, family="dit"):
    return ModelFolderDataset(
        model=folder.name, family=family, root=str(folder.parent), if_missing=ADVICE
    )


def load(folder):
    return dataset_of(folder).load()


def test_loading_gives_the_folder_and_the_identity_of_its_weights(prior):
    partition = load(prior)
    assert partition.load() == ModelFolder(prior, partition.fingerprint, "dit")
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
def test_missing_weights_are_named_with_what_to_do(remove, named, prior):
    path = prior / remove
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    message = (
        f"expected model weights in {prior}{named}, found none; "
        f"name another model with --params model=FOLDER; {ADVICE}"
    )
    with pytest.raises(DatasetError, match=message):
        load(prior)


def test_the_family_is_part_of_the_identity(prior):
    assert dataset_of(prior).load().fingerprint != dataset_of(prior, "other").load().fingerprint


def test_the_identity_is_read_once_as_long_as_no_file_changes(prior, monkeypatch):
    read = []
    digest = model_folder.file_digest
    monkeypatch.setattr(model_folder, "file_digest", lambda paths: digest(read.append(1) or paths))
    fingerprints = {load(prior).fingerprint for _ in range(3)}
    assert len(read) == len(fingerprints) == 1
    (prior / "vae/config.json").touch()
    load(prior)
    assert len(read) == 2


def test_a_pickle_counts_as_weights_here_so_that_loading_can_say_why_it_is_refused(prior):
    weights = prior / "transformer/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    model = load(prior).load()
    with pytest.raises(ValueError, match=r"\.bin: expected safetensors, got a pickle"):
        check_backbone(model, [])


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
    dataset = dataset_of(tmp_path / "prior")
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
    dataset = dataset_of(tmp_path / "prior")
    dataset.save({"pipeline": Saved(b"old")})
    full = Saved(b"ne", failure=OSError(28, "No space left on device"))
    with pytest.raises(DatasetError, match=r"prior could not be written: .*No space left"):
        dataset.save({"pipeline": full})
    assert (tmp_path / "prior/vae/weights.safetensors").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["prior"]


def test_a_model_of_the_hub_without_safe_weights_is_refused_with_the_conversion(
    dit_folder, tmp_path, monkeypatch
):
    import huggingface_hub

    snapshot = Path(shutil.copytree(dit_folder, tmp_path / "snapshots/0123abc"))
    (snapshot / "transformer/diffusion_pytorch_model.safetensors").unlink()
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(snapshot))
    dataset = ModelFolderDataset(
        model="facebook/some-model", family="dit", root=str(tmp_path), if_missing=ADVICE
    )
    with pytest.raises(DatasetError, match=r"kedro convert-model facebook/some-model TARGET$"):
        dataset.load()


@pytest.mark.parametrize(
    "name",
    ["model_index.json", "vae/config.json", "scheduler/scheduler_config.json", "merges/a.json"],
)
@pytest.mark.parametrize("content", ["", '{"cut": [', "null", "[]"])
def test_a_damaged_configuration_is_refused_in_one_line_with_its_name(name, content, prior):
    path = prior / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    if name == "merges/a.json" and content in ("null", "[]"):
        assert load(prior).fingerprint
        return
    with pytest.raises(DatasetError) as error:
        load(prior)
    message = str(error.value.__cause__ or error.value)
    assert str(path) in str(error.value)
    assert "--params model=FOLDER" in str(error.value)
    assert "\n" not in message
    assert "Expecting" not in message


@pytest.mark.parametrize("name", ["model_index.json", "scheduler/scheduler_config.json"])
def test_a_configuration_that_says_nothing_is_refused_with_its_name(name, prior):
    (prior / name).write_text("{}")
    with pytest.raises(DatasetError, match="expected a _class_name in it, got none") as error:
        load(prior)
    assert str(error.value).startswith(str(prior / name))
