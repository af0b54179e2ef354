from dataclasses import replace

import pytest
import torch

from mgd3_kedro.evaluation import LabelledSet
from mgd3_kedro.evaluation.data import Batch

IMAGES = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
LABELS = torch.tensor([0, 2, 1, 2])


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.float(), LABELS, r"images: expected uint8 .*got torch\.float32"),
        (IMAGES[0], LABELS, r"images: expected uint8 of shape .*got torch\.uint8 of shape \(3, 8"),
        (IMAGES[:, :1], LABELS, r"images: expected uint8 of shape .*\(4, 1, 8, 8\)"),
        (IMAGES[..., 2:], LABELS, r"images: expected uint8 of shape .*\(4, 3, 8, 6\)"),
        (IMAGES, LABELS[1:], "images: expected at least one and an int64 label for each, got 4"),
        (IMAGES, LABELS.int(), r"expected at least one and an int64 .*torch\.int32"),
        (IMAGES[:0], LABELS[:0], "images: expected at least one .*got 0"),
        (IMAGES, LABELS + 1, r"labels: expected those of 0\.\.2, got 1\.\.3"),
        (IMAGES, LABELS - 1, r"labels: expected those of 0\.\.2, got -1\.\.1"),
    ],
)
def test_images_and_labels_that_do_not_fit_each_other_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        LabelledSet(images, labels, 3)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (torch.ones(3), r"weights: expected 4 of 0 or more, got \(3,\) from 1"),
        (torch.tensor([1.0, 1, -0.5, 1]), "weights: expected 4 of 0 or more, .*from -0.5"),
        (torch.tensor([1.0, 1, torch.nan, 1]), "weights: expected 4 of 0 or more"),
    ],
)
def test_weights_that_do_not_fit_the_images_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        LabelledSet(IMAGES, LABELS, 3, weights)


def test_targets_are_weights_at_classes():
    data = LabelledSet(IMAGES, LABELS, 3, torch.tensor([1.0, 0.5, 2.0, 0.0]))
    rows = torch.tensor([1, 2, 3])
    assert data.targets_of(rows).tolist() == [[0, 0, 0.5], [0, 2, 0], [0, 0, 0]]
    assert replace(data, weights=None).targets_of(rows).tolist() == [
        [0, 0, 1],
        [0, 1, 0],
        [0, 0, 1],
    ]


def test_a_batch_without_weights_has_its_targets_as_they_are():
    targets = torch.eye(2)
    batch = Batch.of(LabelledSet(IMAGES, LABELS, 3), torch.zeros(2, 3, 8, 8), targets, slice(0, 2))
    assert batch.targets is targets
    assert batch.weights is None


def test_an_input_of_no_weight_has_no_targets_that_are_not_numbers():
    data = LabelledSet(IMAGES, LABELS, 3, torch.zeros(4))
    targets = data.targets_of(torch.arange(4))
    batch = Batch.of(data, torch.zeros(4, 3, 8, 8), targets, slice(0, 4))
    assert batch.targets.abs().max() == 0
    assert batch.weights.tolist() == [0, 0, 0, 0]


def test_classes_are_put_together_in_label_order():
    classes = [torch.full((count, 3, 2, 2), count, dtype=torch.uint8) for count in (2, 1, 3)]
    data = LabelledSet.of_classes(classes)
    assert data.labels.tolist() == [0, 0, 1, 2, 2, 2]
    assert data.images[:, 0, 0, 0].tolist() == [2, 2, 1, 3, 3, 3]
    assert data.num_classes == 3


def test_a_class_without_images_keeps_its_label():
    one = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    data = LabelledSet.of_classes([one, one[:0], one])
    assert data.labels.tolist() == [0, 2]
    assert data.num_classes == 3
