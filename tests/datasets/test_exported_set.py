"""A set that is handed on is read by others' libraries, and is complete."""

import hashlib
import json
import re
from contextlib import chdir
from functools import partial
from importlib import import_module

import pytest
import torch
from kedro.io import DatasetError
from safetensors import safe_open
from safetensors.torch import load_file

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.datasets.exported_set import FORMS, ExportedSetDataset
from mgd3_kedro.datasets.given_images import GivenImagesDataset
from mgd3_kedro.exported import ExportedClass, ExportedSet
from mgd3_kedro.pipelines.export.card import IN_LABELS, LOADING
from mgd3_kedro.stages import Partition

SPECS = (ClassSpec(0, "pears", 7, "a pear"), ClassSpec(1, "apples", 3, "an apple, red"))
"""Whose label order is not that of their folders."""
IMAGES = {spec.wnid: torch.randint(0, 256, (3, 3, 8, 10), dtype=torch.uint8) for spec in SPECS}
TAKEN = {"pears": 3, "apples": 2}


def exported(*, logits=False, images=IMAGES):
    classes = []
    for spec in SPECS:
        rows = [{"mode": n, "distance": n / 2, "file": None} for n in range(TAKEN[spec.wnid])]
        said = {"logits": torch.arange(6.0).view(3, 2) + 10 * spec.label}
        classes.append(
            ExportedClass(
                spec,
                Partition(partial(images.__getitem__, spec.wnid), spec.wnid, 3),
                rows,
                Partition(partial(dict, said), "said", 3) if logits else None,
            )
        )
    return ExportedSet("# Fruit\n", tuple(classes))


def save(folder, form="folder", **options):
    ExportedSetDataset(filepath=str(folder), form=form).save(exported(**options))
    return folder


@pytest.fixture
def hub_library(tmp_path, monkeypatch):
    """Return the `datasets` library, without network and with a cache of its own."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return datasets


@pytest.mark.parametrize("form", FORMS)
def test_the_datasets_library_reads_it_as_the_card_says(form, hub_library, tmp_path):
    save(tmp_path / "PATH", form)
    with chdir(tmp_path):
        read = eval(LOADING[form][0], {"datasets": hub_library})
    rows = sorted(read, key=lambda row: (row["label"], row["mode"]))
    assert [row["label"] for row in rows] == [0, 0, 0, 1, 1]
    assert [row["distance"] for row in rows] == [0, 0.5, 1, 0, 0.5]
    assert {row["class_name"] for row in rows} == {"a pear", "an apple, red"}
    for row in rows:
        pixels = torch.tensor(list(row["image"].convert("RGB").tobytes())).view(8, 10, 3)
        assert torch.equal(pixels, IMAGES[SPECS[row["label"]].wnid][row["mode"]].permute(1, 2, 0))


def test_a_table_tells_the_names_of_the_classes(hub_library, tmp_path):
    save(tmp_path / "PATH", "parquet")
    with chdir(tmp_path):
        read = eval(LOADING["parquet"][0], {"datasets": hub_library})
    assert read.features["label"].names == ["a pear", "an apple, red"]


def test_torchvision_reads_a_folder_as_the_card_says(tmp_path):
    try:
        # No dependency: beside a PyTorch for CPUs the package index has none that works.
        torchvision = import_module("torchvision")
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torchvision is not installed, or not for this PyTorch ({error})")
    save(tmp_path / "PATH")
    with chdir(tmp_path):
        read = eval(LOADING["folder"][1].partition("  #")[0], {"torchvision": torchvision})
    assert read.classes == ["apples", "pears"]
    assert read.targets == [0, 0, 1, 1, 1]
    assert read[2][0].tobytes() == IMAGES["pears"][0].permute(1, 2, 0).numpy().tobytes()


@pytest.mark.parametrize(
    ("form", "images"),
    [("folder", "train"), ("zip", "train.zip"), ("parquet", "train.parquet")],
)
def test_this_project_reads_it_as_images_of_others(form, images, tmp_path):
    table = tmp_path / "fruit.tsv"
    table.write_text("".join(f"{s.wnid}\t{s.class_index}\t{s.class_name}\n" for s in SPECS))
    folder = save(tmp_path / "set", form)
    read = GivenImagesDataset(filepath=str(folder / images), classes=str(table)).load()
    assert set(read) == set(TAKEN)
    for wnid, count in TAKEN.items():
        assert torch.equal(read[wnid].load(), IMAGES[wnid][:count])


@pytest.mark.parametrize("form", FORMS)
def test_the_list_of_checksums_is_right_and_complete(form, tmp_path):
    folder = save(tmp_path / "set", form, logits=True)
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    assert listed == {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if name != "SHA256SUMS"
    }
    again = save(tmp_path / "again", form, logits=True)
    assert (again / "SHA256SUMS").read_text().splitlines() == lines


def test_classes_are_told_by_their_labels(tmp_path):
    told = json.loads((save(tmp_path / "set") / "classes.json").read_text())
    assert told["1"] == {
        "folder": "apples",
        "class_name": "an apple, red",
        "class_index": 3,
        "images": 2,
    }


def test_soft_labels_are_in_the_order_of_the_images(tmp_path):
    folder = save(tmp_path / "set", logits=True)
    tensors = load_file(folder / "soft_labels.safetensors")
    lines = [json.loads(s) for s in (folder / "train/metadata.jsonl").read_text().splitlines()]
    assert tensors["labels"].tolist() == [line["label"] for line in lines]
    assert tensors["logits"][:, 0].tolist() == [0, 2, 4, 10, 12]
    with safe_open(folder / "soft_labels.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["folders"]) == ["pears", "apples"]
    assert not (save(tmp_path / "without") / "soft_labels.safetensors").exists()


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    folder = save(tmp_path / "set")
    before = (folder / "SHA256SUMS").read_text()

    def refuse(wnid):
        raise OSError("no space left")

    broken = exported()
    images = Partition(partial(refuse, "apples"), "apples", 3)
    classes = (broken.classes[0], ExportedClass(SPECS[1], images, [{}]))
    with pytest.raises(DatasetError, match=r"set could not be written: no space left"):
        ExportedSetDataset(filepath=str(folder), form="folder").save(ExportedSet("", classes))
    assert (folder / "SHA256SUMS").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_set_is_there_when_it_is_complete(tmp_path):
    dataset = ExportedSetDataset(filepath=str(tmp_path / "set"), form="zip")
    assert not dataset.exists()
    dataset.save(exported())
    assert dataset.exists()
    assert dataset.load() == tmp_path / "set"


def test_every_form_is_told_on_the_card():
    assert LOADING.keys() == FORMS.keys()
    assert IN_LABELS.keys() <= FORMS.keys()
    assert all(re.fullmatch(r".*PATH.*", line) for lines in LOADING.values() for line in lines)
