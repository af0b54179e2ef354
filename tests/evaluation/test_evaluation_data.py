import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mgd3_kedro.evaluation import LabelledSet, train_network
from mgd3_kedro.evaluation.data import TrainingBatch
from mgd3_kedro.evaluation.mapped import allocate

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
        (IMAGES, LABELS + 1, r"labels: expected 0\.\.2, got 1\.\.3"),
        (IMAGES, LABELS - 1, r"labels: expected 0\.\.2, got -1\.\.1"),
    ],
)
def test_images_and_labels_that_do_not_fit_each_other_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        LabelledSet(images, labels, 3)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (torch.ones(3), r"weights: expected 4 values of 0 or more, got \(3,\) with minimum 1"),
        (
            torch.tensor([1.0, 1, -0.5, 1]),
            "weights: expected 4 values of 0 or more, .* minimum -0.5",
        ),
        (torch.tensor([1.0, 1, torch.nan, 1]), "weights: expected 4 values of 0 or more"),
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
    batch = TrainingBatch.of(
        LabelledSet(IMAGES, LABELS, 3), torch.zeros(2, 3, 8, 8), targets, slice(0, 2)
    )
    assert batch.targets is targets
    assert batch.weights is None


def test_an_input_of_no_weight_has_no_targets_that_are_not_numbers():
    data = LabelledSet(IMAGES, LABELS, 3, torch.zeros(4))
    targets = data.targets_of(torch.arange(4))
    batch = TrainingBatch.of(data, torch.zeros(4, 3, 8, 8), targets, slice(0, 4))
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


def test_classes_are_shown_one_after_the_other():
    held = []

    def show(of_class):
        held.append(of_class)
        return torch.full((len(of_class), 3, 2, 2), len(held), dtype=torch.uint8)

    data = LabelledSet.of_classes([range(2), range(0), range(3)], show)
    assert data.images[:, 0, 0, 0].tolist() == [1, 1, 3, 3, 3]
    assert data.labels.tolist() == [0, 0, 2, 2, 2]
    with pytest.raises(ValueError, match="images: expected at least one class, got none"):
        LabelledSet.of_classes([])


@pytest.mark.parametrize("shape", [(2, 3, 1, 1), (2, 1, 8, 8), (1, 3, 8, 8), (2, 3, 4, 4)])
def test_a_class_of_other_images_than_the_first_is_refused(shape):
    other = torch.zeros(shape, dtype=torch.uint8)
    with pytest.raises(
        ValueError, match=r"images: expected torch.uint8 of shape \(2, 3, 8, 8\) as"
    ):
        LabelledSet.of_classes(
            [range(4), range(2)], lambda of: IMAGES[:4] if len(of) == 4 else other
        )
    with pytest.raises(ValueError, match=r"got torch.float32 of shape \(4, 3, 8, 8\)"):
        LabelledSet.of_classes([IMAGES, IMAGES.float()])


@pytest.fixture
def mapped(monkeypatch, tmp_path):
    """Put every set into a file; returns the folder of temporary files."""
    monkeypatch.setattr("mgd3_kedro.evaluation.mapped.MOST_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_images_too_many_for_memory_are_in_a_file_that_leaves_nothing_behind(mapped):
    generator = torch.Generator().manual_seed(0)
    shape = (5, 3, 4, 4)
    classes = [torch.randint(256, shape, generator=generator, dtype=torch.uint8) for _ in range(3)]
    data = LabelledSet.of_classes(classes)
    files = Path("/proc/self/maps")
    if files.is_file():
        assert f"{mapped}/mgd3_kedro-" in files.read_text(encoding="utf-8")
    assert not list(mapped.iterdir())
    assert torch.equal(data.images, torch.cat(classes))
    rows = torch.tensor([14, 0, 7])
    assert torch.equal(data.images_of(rows), torch.cat(classes)[rows])


def test_a_disk_without_room_for_them_is_told_before_anything_is_written(mapped):
    with pytest.raises(OSError, match=r"expected room for 4611686018\.4 GB of images, got: "):
        allocate((2**62,), torch.uint8)
    assert not list(mapped.iterdir())


def test_a_training_sees_the_same_of_a_file_as_of_memory(make_config, make_data, monkeypatch):
    config = make_config(epochs=2)
    run = {"network": "convnet1", "ipc": 4, "config": config, "seed": 0}
    in_memory = train_network(make_data(4), make_data(2, seed=1), **run)
    monkeypatch.setattr("mgd3_kedro.evaluation.mapped.MOST_IN_MEMORY", 0)
    data, test = (
        LabelledSet.of_classes([of.images[of.labels == label] for label in range(3)])
        for of in (make_data(4), make_data(2, seed=1))
    )
    of_file = train_network(data, test, **run)
    assert of_file.curve == in_memory.curve
