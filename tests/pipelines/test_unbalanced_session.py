"""Classes of unlike sizes, from start to end."""

import logging

import pandas as pd
import pytest
import torch
from PIL import Image
from tiny_project import PRIOR, environment, make_project, run

REAL = {"ant": 2, "bee": 5, "cow": 11}
IPC = 4
COUNTS = {"": {"ant": 2, "bee": 4, "cow": 4}, ",balance=share": {"ant": 1, "bee": 3, "cow": 8}}
"""Words of a run -> images of each class."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Distil images of three classes, equally and by share, and say what was told of it."""
    project = make_project(tmp_path_factory.mktemp("unbalanced"))
    generator = torch.Generator().manual_seed(0)
    for split, counts in {"train": REAL, "val": dict.fromkeys(REAL, 2)}.items():
        for name, count in counts.items():
            folder = project / "images" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = torch.randint(0, 256, (32, 32, 3), generator=generator)
                image = Image.fromarray(pixels.to(torch.uint8).numpy())
                image.save(folder / f"{number}.png")
    (project / "animals.tsv").write_text("".join(f"{w}\t{i}\t{w}\n" for i, w in enumerate(REAL)))
    given = {
        "ipc": IPC,
        "data": str(project / "images"),
        "classes": str(project / "animals.tsv"),
        "image_size": 32,
        "model": str(project / PRIOR),
        "evaluation": {"presets": {"smoke": 0.0005}, "validations": 1, "threads": 1},
        "trainings": {"networks": ["convnet1"], "repeats": 1, "mode_weight_exponent": 1},
    }
    told = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    logger = logging.getLogger("mgd3_kedro")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    with environment(project, "custom", **given):
        run(project, "encode", "discover_modes", "guided_generate", env="custom")
        run(project, "distill", env="custom", balance="share")
        run(project, "report_methods", env="custom", balance="share")
    logger.removeHandler(handler)
    logger.setLevel(level)
    return project, [text for text in told if text.startswith(("ipc:", "balance="))]


def folder_of(project, stage, words):
    return project / f"data/{stage}/custom/test/dit/ipc{IPC}/mgd3{words}/seed0"


def test_it_is_told_once_which_classes_get_other_numbers(ran):
    assert ran[1] == [
        "ipc: 1 of 3 classes have too few train images for 4 per class and get fewer: ant (2)",
        "balance=share: classes get 1 to 8 images, 12 in all",
    ]


@pytest.mark.parametrize(("words", "counts"), COUNTS.items())
def test_images_and_what_is_known_of_them_are_as_many(words, counts, ran):
    project = ran[0]
    made = folder_of(project, "07_model_output", words)
    found = {w: len(list((made / "images" / w).glob("*.png"))) for w in REAL}
    assert found == counts
    provenance = pd.read_csv(made / "provenance.csv")
    assert provenance["wnid"].value_counts().to_dict() == counts
    assert (provenance["ipc"] == IPC).all()
    for wnid, members in provenance.groupby("wnid")["mode_member_count"]:
        assert members.sum() == REAL[wnid]
    with Image.open(folder_of(project, "08_reporting", words) / "contact_sheet.png") as sheet:
        assert sheet.width > 96 * max(counts.values())


def test_a_network_learns_from_them_as_from_so_many_per_class(ran):
    reports = folder_of(ran[0], "08_reporting", ",balance=share")
    (row,) = pd.read_csv(reports / "hard-smoke/result_rows.csv").to_dict("records")
    assert (row["ipc"], row["settings"]) == (IPC, "balance=share")
    assert 0 <= row["top1_last"] <= 100


def test_methods_are_reported_though_a_class_has_one_image(ran):
    counts = COUNTS[",balance=share"]
    reports = folder_of(ran[0], "08_reporting", ",balance=share")
    scores = pd.read_csv(reports / "diversity_scores.csv")
    assert scores["coverage"].between(0, 1).all()
    assert scores["diversity"].isna().tolist() == [counts[wnid] == 1 for wnid in REAL]
    (path,) = (ran[0] / "data").rglob(f"*_ipc{IPC}_scores.csv")
    assert pd.read_csv(path).set_index("wnid")["images"].to_dict() == counts
