"""Several small images in the place of each that is asked for."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from tiny_project import IPC, base_parameters, make_project, merged, output, run

from mgd3_kedro.datasets.image_folder import read_images
from mgd3_kedro.evaluation import PROTOCOLS
from mgd3_kedro.pipelines.guided_generate.needs import needs_of
from mgd3_kedro.pipelines.train_eval.fitting import Fit, training_set

DIGITS = [str(digit) for digit in range(10)]
FOUR = 4
EPOCHS = 8
OF_SMALL = {
    "method": "mgd3_quarters",
    "diffusion": {"num_inference_steps": 4, "reference_steps": None},
}
SMALL = "mgd3_quarters,num_inference_steps=4,reference_steps=null"
TRAINED = {"method": "mgd3", "evaluation": {"epochs": EPOCHS}}


def with_factor(method, factor):
    return merged(base_parameters("parameters"), {"methods": {method: {"factor": factor}}})


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Make a project with small drawn images, and as many whole ones."""
    folder = make_project(tmp_path_factory.mktemp("small"))
    run(folder, "distill", **{**TRAINED, **OF_SMALL})
    run(folder, "generate", method="mgd3_anchored", ipc=FOUR * IPC)
    return folder


def images_in(project, method, digit, **keys):
    return read_images(output(project, "07_model_output", method, **keys) / "images" / digit)


def rows_of(project, method, **keys):
    return pd.read_csv(output(project, "07_model_output", method, **keys) / "provenance.csv")


def test_small_images_are_those_of_as_many_modes_at_half_the_side(project):
    for digit in DIGITS:
        small = images_in(project, SMALL, digit)
        whole = images_in(project, "mgd3_anchored", digit, ipc=FOUR * IPC)
        assert small.shape == (FOUR * IPC, 3, 16, 16)
        shrunk = F.interpolate(whole, (16, 16), mode="bicubic", antialias=True)
        # Those in files were cut to bytes before they were shrunk.
        assert (small.int() - shrunk.int()).abs().float().mean() < 2


def test_rows_tell_how_many_are_in_the_place_of_one(project):
    rows = rows_of(project, SMALL)
    assert (rows["small_images_per_image"] == FOUR).all()
    assert (rows["ipc"] == IPC).all()
    assert len(rows) == FOUR * IPC * len(DIGITS)
    whole = rows_of(project, "mgd3_anchored", ipc=FOUR * IPC)
    assert "small_images_per_image" not in whole


def test_networks_see_as_many_images_whatever_these_show(project):
    run(project, "distill", to_nodes=["train_eval.train_networks"], **TRAINED)
    found = []
    for method in (SMALL, "mgd3"):
        (folder,) = output(project, "07_model_output", method).glob("hard-*/trainings")
        found += [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    small, whole = found[:2], found[2:]
    assert [one["measured"]["epochs"] for one in found] == [EPOCHS // FOUR] * 2 + [EPOCHS] * 2
    assert small[0]["measured"]["image_steps"] == whole[0]["measured"]["image_steps"]
    assert [one["ipc"] for one in found] == [IPC] * 4


def test_networks_see_small_images_enlarged_to_the_side_of_the_benchmark(project):
    images = [images_in(project, SMALL, digit) for digit in DIGITS]
    seen = training_set(images, PROTOCOLS["hard"], Fit(32, 32), small_images=FOUR).images
    by_hand = np.stack(
        [
            Image.fromarray(image.permute(1, 2, 0).numpy()).resize((32, 32), Image.BICUBIC)
            for image in torch.cat(images)
        ]
    )
    # Pillow's filter, but for how products are rounded.
    assert np.abs(seen.permute(0, 2, 3, 1).numpy().astype(int) - by_hand).max() <= 1


def test_increments_are_of_images_that_are_asked_for(project):
    run(project, "redundancy", **OF_SMALL, redundancy={"size": 1}, evaluation={"epochs": EPOCHS})
    (folder,) = output(project, "07_model_output", SMALL).glob("*/redundancy_trainings")
    made = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    assert [one["increment"] for one in made] == [1, 2]


def test_real_images_are_kept_small_too(project):
    run(project, "generate", method="herding", methods={"herding": {"factor": 2}})
    run(project, "generate", method="herding", ipc=FOUR * IPC)
    for digit in DIGITS:
        small = images_in(project, "herding,methods.herding.factor=2", digit)
        whole = images_in(project, "herding", digit, ipc=FOUR * IPC)
        assert torch.equal(small, F.interpolate(whole, (16, 16), mode="bicubic", antialias=True))
    assert not needs_of("herding", with_factor("herding", 2)).keeps_real
    assert needs_of("herding", with_factor("herding", 1)).keeps_real


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"method": "mgd3", "methods": {"mgd3": {"factor": 2}}},
            "modes.ipc: expected 8, the number that the method makes at a time, got 2",
        ),
        (
            {"method": "mgd3_quarters", "methods": {"mgd3_quarters": {"factor": 5}}},
            "factor: expected an image side that is a multiple of 5, such as 30 or 35 px, got 32",
        ),
        (
            {"method": "random", "methods": {"random": {"factor": 1.5}}},
            "factor: expected a whole number, got 1.5",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_work_starts(changes, message, project):
    with pytest.raises(Exception, match=re.escape(message)):
        run(project, "generate", **changes)
