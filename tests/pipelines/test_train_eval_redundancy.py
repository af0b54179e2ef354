"""How a set is divided into increments, and what is measured of them."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from mgd3_kedro.evaluation import LabelledSet
from mgd3_kedro.pipelines.train_eval.increments import increments_of, only
from mgd3_kedro.pipelines.train_eval.redundancy import (
    RedundancyConfig,
    count_increments,
    measure_redundancy,
)
from mgd3_kedro.stages import GIVEN, Partition

COUNTS = [4, 7, 5]


def partitions(counts):
    return {name: Partition(lambda: None, "", count) for name, count in counts.items()}


def test_increments_are_the_images_of_every_class_in_order():
    first, second = increments_of(COUNTS, 2)
    assert first.tolist() == [0, 1, 4, 5, 11, 12]
    assert second.tolist() == [2, 3, 6, 7, 13, 14]


def test_the_smallest_class_says_how_many_increments_there_are():
    assert count_increments(partitions({"a": 9, "b": 4}), 2) == 2
    with pytest.raises(ValueError, match=r"\(class b has 3\), got 2; lower .* with ipc$"):
        count_increments(partitions({"a": 9, "b": 3}), 2)


def test_four_small_images_count_as_one():
    assert count_increments(partitions({"a": 16}), 2, small_images=4) == 2
    with pytest.raises(ValueError, match=r"\(class a has 3\), got 2; lower"):
        count_increments(partitions({"a": 12}), 2, small_images=4)


def test_of_images_of_others_no_more_can_be_made():
    given = {"a": replace(partitions({"a": 3})["a"], configuration=GIVEN)}
    with pytest.raises(ValueError, match=r"got 2; lower redundancy\.size$"):
        count_increments(given, 2)


def test_images_keep_their_labels_and_weights():
    images = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 3, 8, 8)
    weights = torch.tensor([0.5, 1.5, 0.7, 1.3])
    data = LabelledSet(images, torch.tensor([0, 0, 1, 1]), 2, weights)
    kept = only(data, torch.tensor([1, 3]))
    assert kept.images[:, 0, 0, 0].tolist() == [1, 3]
    assert kept.labels.tolist() == [0, 1]
    assert torch.equal(kept.weights, weights[[1, 3]])
    assert only(LabelledSet(images, data.labels, 2), torch.tensor([0])).weights is None


def test_the_mean_leaves_out_what_a_network_was_trained_on():
    table = pd.DataFrame(
        [("vit", 1, 1, 90.0), ("vit", 1, 2, 10.0), ("vit", 2, 1, 20.0), ("vit", 2, 2, 100.0)],
        columns=["network", "trained_on", "tested_on", "top1"],
    )
    assert measure_redundancy(table) == {"vit/top1_of_others": 15.0, "vit/top1_of_own": 95.0}


def test_an_increment_has_an_image_at_least():
    with pytest.raises(ValueError, match="size: expected a number in"):
        RedundancyConfig(0)
