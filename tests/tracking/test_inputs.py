"""Which data a run read."""

import json

import pytest

from mgd3_kedro.stages import Partition, name_together
from mgd3_kedro.tracking.inputs import describe_input

PARAMETERS = {
    "benchmark": "pets",
    "split": "test",
    "method": "mgd3",
    "ipc": 10,
    "seed": 0,
    "model": "facebook/DiT-XL-2-256",
    "images": None,
}
PARTS = {
    "cat": Partition(lambda: None, "1" * 64, count=3),
    "dog": Partition(lambda: None, "2" * 64, count=4),
}


@pytest.mark.parametrize(
    ("entry", "images", "name"),
    [
        ("train_images", None, "pets/test train"),
        ("test_images", None, "pets/test test"),
        ("distilled_images", None, "pets mgd3 ipc10 seed0"),
        ("evaluated_images", None, "pets mgd3 ipc10 seed0"),
        ("evaluated_images", "/theirs", "/theirs"),
        ("train_images", "/theirs", "pets/test train"),
    ],
)
def test_images_are_told_by_what_is_in_them(entry, images, name, active, logged):
    described = describe_input(entry, PARTS, "data", {**PARAMETERS, "images": images})
    active.log_inputs([described])
    (found,) = logged().inputs.dataset_inputs
    assert found.dataset.name == name
    assert found.dataset.digest == name_together(PARTS.values())
    assert json.loads(found.dataset.source) == {"uri": "data"}
    assert json.loads(found.dataset.profile) == {"classes": 2, "images": 7}


def test_weights_are_told_by_their_model(active, logged):
    weights = Partition(lambda: None, "3" * 64)
    active.log_inputs([describe_input("prior", weights, "weights", PARAMETERS)])
    (found,) = logged().inputs.dataset_inputs
    assert found.dataset.name == "facebook/DiT-XL-2-256"
    assert found.dataset.digest == name_together([weights])
    assert [tag.value for tag in found.tags] == ["prior"]
