"""A set that distill made is handed on."""

import json
import re

import pytest
from click.testing import CliRunner
from huggingface_hub import constants
from kedro.framework.startup import bootstrap_project
from pyarrow import parquet
from safetensors.torch import load_file
from tiny_project import IPC, images_of, output, run, save_teacher

from mgd3_kedro.cli import cli


def test_a_set_is_handed_on_with_its_images_and_its_accuracies(copied):
    run(copied, "export")
    folder = output(copied, "07_model_output") / "exported"
    train = folder / "train"
    pixels = {str(p.relative_to(train)): p.read_bytes() for p in sorted(train.rglob("*.png"))}
    assert pixels == images_of(copied)
    card = (folder / "README.md").read_text()
    assert re.search(r"\| convnet1 \| hard, smoke \| 32 \| 2 \| \d+\.\d ± \d+\.\d \|", card)
    assert "MNIST (LeCun et al. 1998)" in card
    assert (
        "- Drawn from: `data/06_models/mnist`, a model of the family dit. Licence: Apache" in card
    )
    lines = [json.loads(line) for line in (train / "metadata.jsonl").read_text().splitlines()]
    assert [line["label"] for line in lines] == [n // IPC for n in range(10 * IPC)]
    assert {"mode", "nearest_real", "distance_to_nearest_real"} <= set(lines[0])


def test_what_a_teacher_says_goes_with_a_table_where_it_is_asked(copied):
    teacher = save_teacher(copied / "teacher", "convnet1", [str(digit) for digit in range(10)])
    changes = {"export": {"form": "parquet", "soft_labels": True}, "teacher": str(teacher)}
    run(copied, "export", **changes)
    (folder,) = output(copied, "07_model_output").glob("exported,*")
    assert "form=parquet" in folder.name
    assert "soft_labels=true" in folder.name
    assert parquet.read_table(folder / "train.parquet").num_rows == 10 * IPC
    logits = load_file(folder / "soft_labels.safetensors")["logits"]
    assert logits.shape == (10 * IPC, 10)
    assert logits.std(0).min() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("export.form=tar", "unknown form of an exported set 'tar': expected one of folder"),
        ("export.push=me/digits", "export.push: expected a token of the Hugging Face hub"),
        ("export.ipc=1", "export.ipc: expected images from a mode finder with nested clusters"),
        ("export.soft_labels=true", "train_teacher"),
        ("method=random", "found none; make them first, with the same --env and --params: kedro"),
    ],
)
def test_what_cannot_be_handed_on_is_refused_in_one_line(options, message, finished, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(finished / "no token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.chdir(finished)
    bootstrap_project(finished)
    result = CliRunner().invoke(cli, ["run", "--pipelines=export", "--params", options])
    assert result.exit_code == 1
    (line,) = [one for one in result.stderr.splitlines() if one.startswith("Error")]
    assert message in line
    assert not list(finished.rglob("exported*"))
