import itertools

import numpy as np
import pytest
import torch

from mgd3_kedro.evaluation.scores import class_accuracy, score


def numpy_calibration_error(logits, labels, bins=15):
    logits = logits.double().numpy()
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    confidence, right = shares.max(1), shares.argmax(1) == labels.numpy()
    edges = np.linspace(0, 1, bins + 1)
    error = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            error += inside.mean() * gap
    return 100 * error


def draw(count, classes, seed=0, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(count, classes, generator=generator)
    return logits, torch.randint(0, classes, (count,), generator=generator)


@pytest.mark.parametrize("classes", [2, 4, 5, 12])
def test_accuracies_and_confusion_are_those_that_counting_gives(classes):
    logits, labels = draw(200, classes)
    scores = score(logits, labels)
    first = near = 0
    confusion = [[0] * classes for _ in range(classes)]
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        order = sorted(range(classes), key=lambda place: -row[place])
        first += order[0] == label
        near += label in order[:5]
        confusion[label][order[0]] += 1
    assert scores.top1 == pytest.approx(first / 2)
    assert scores.top5 == pytest.approx(near / 2)
    assert scores.confusion.tolist() == confusion
    for label, row in enumerate(confusion):
        assert class_accuracy(scores.confusion)[label].item() == pytest.approx(
            100 * row[label] / sum(row)
        )


def test_with_five_classes_or_fewer_every_image_is_among_the_five_likeliest():
    logits, labels = draw(20, 3)
    assert score(logits, labels).top5 == 100
    assert score(logits, labels).top1 < 100


def test_a_class_without_test_images_has_no_accuracy():
    scores = score(torch.eye(3)[[0, 0, 1]], torch.tensor([0, 0, 0]))
    assert class_accuracy(scores.confusion)[0].item() == pytest.approx(200 / 3)
    assert class_accuracy(scores.confusion)[1:].isnan().all()
    assert scores.confusion.dtype == torch.int64


@pytest.mark.parametrize(("classes", "scale"), [(2, 1.0), (10, 3.0), (30, 0.3)])
def test_the_calibration_error_is_that_of_numpy(classes, scale):
    logits, labels = draw(500, classes, seed=1, scale=scale)
    expected = numpy_calibration_error(logits, labels)
    assert expected > 0.5
    assert score(logits, labels).calibration_error == pytest.approx(expected, abs=1e-3)


def test_always_confident_and_wrong_is_an_error_of_100_percent():
    logits = torch.tensor([[100.0, 0.0]]).repeat(8, 1)
    assert score(logits, torch.ones(8, dtype=torch.int64)).calibration_error == pytest.approx(100)
    assert score(logits, torch.zeros(8, dtype=torch.int64)).calibration_error == pytest.approx(0)


def test_confidence_that_is_as_often_right_as_it_says_is_no_error():
    # Nine of ten images at 90 % are right, and seven of ten at 70 %.
    shares = torch.tensor([[0.9, 0.1]] * 10 + [[0.7, 0.3]] * 10)
    labels = torch.tensor([0] * 9 + [1] + [0] * 7 + [1] * 3)
    assert score(shares.log(), labels).calibration_error == pytest.approx(0, abs=1e-4)
    swapped = torch.tensor([0] * 7 + [1] * 3 + [0] * 9 + [1])
    assert score(shares.log(), swapped).calibration_error == pytest.approx(20, abs=1e-3)
