import pytest
import torch

from mgd3_kedro.evaluation import LabelledSet

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
