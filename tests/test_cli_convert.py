from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from mgd3_kedro.backbones.dit import check_dit
from mgd3_kedro.cli import cli

WEIGHTS = "diffusion_pytorch_model.safetensors"


def convert(source, target):
    return CliRunner().invoke(cli, ["convert-model", str(source), str(target)])


def error_of(result):
    """Return the one line that a refused conversion prints."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


@pytest.fixture
def pickled(save_dit, tmp_path):
    """Save a pipeline with pickled weights."""
    folder = save_dit(folder=tmp_path / "pickled")
    for path in folder.rglob(WEIGHTS):
        torch.save(load_file(path), path.with_suffix(".bin"))
        path.unlink()
    return folder


def test_a_folder_is_converted_and_one_is_told_how_to_use_it(pickled, tmp_path):
    result = convert(pickled, tmp_path / "made")
    assert result.exit_code == 0, result.output
    assert f"--params backbone=NAME,model={tmp_path / 'made'}" in result.stdout
    check_dit(tmp_path / "made", ())


def test_paths_are_those_of_the_working_directory(pickled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert convert("pickled", "made").exit_code == 0
    check_dit(Path("made"), ())


def test_an_id_of_the_hub_is_downloaded_with_its_pickles(pickled, tmp_path, monkeypatch):
    import huggingface_hub

    asked = {}

    def download(model, **patterns):
        asked.update(patterns, model=model)
        return str(pickled)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert convert("somebody/some-model", "made").exit_code == 0
    check_dit(Path("made"), ())
    assert asked.pop("model") == "somebody/some-model"
    wanted = [
        "model_index.json",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model-00001-of-00002.bin",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/pytorch_model.bin",
        "tokenizer/merges.txt",
    ]
    unwanted = [
        "transformer/diffusion_pytorch_model.fp16.bin",
        "safety_checker/pytorch_model.bin",
        "v1-5-pruned.ckpt",
        "transformer/optimizer.bin",
    ]
    kept = huggingface_hub.utils.filter_repo_objects([*wanted, *unwanted], **asked)
    assert list(kept) == wanted


def test_refusals_are_one_line(pickled, tmp_path):
    (pickled / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"")
    assert "vae/diffusion_pytorch_model.bin: expected " in error_of(
        convert(pickled, tmp_path / "made")
    )
    assert "found no such file or folder" in error_of(convert(tmp_path / "none", tmp_path / "made"))
    assert not (tmp_path / "made").exists()


def test_an_existing_target_is_refused_before_anything_is_downloaded(tmp_path, monkeypatch):
    import huggingface_hub

    def download(*_, **__):
        raise AssertionError("something was downloaded")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.chdir(tmp_path)
    error = error_of(convert("somebody/some-model", tmp_path))
    told = "expected a folder that does not exist yet, got an existing path; choose another"
    assert error == f"{tmp_path}: {told}"


def test_kedro_knows_the_command():
    result = CliRunner().invoke(cli, ["convert-model", "--help"])
    assert result.exit_code == 0
    assert "SOURCE TARGET" in result.stdout
