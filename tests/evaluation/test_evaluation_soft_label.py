import math

import numpy as np
import pytest
import torch

from mgd3_kedro.evaluation import LabelledSet, build_network
from mgd3_kedro.evaluation.labels import epoch_generator
from mgd3_kedro.evaluation.soft_label import (
    SOFT_LABEL,
    STORED_SOFT_LABEL,
    adamw,
    distillation_loss,
    half_cosine_rate,
    published_numbers,
    resized_side,
)

STUDENT = torch.tensor([[2.0, -1.0, 0.5, 7.0], [0.0, 3.0, -2.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
TEACHER = torch.tensor([[5.0, 0.0, -3.0, 1.0], [9.0, -9.0, 0.0, 2.0], [0.0, 4.0, 0.0, 0.0]])


def softmax(row, temperature):
    powers = [math.exp(value / temperature) for value in row]
    return np.array(powers) / sum(powers)


@pytest.mark.parametrize("temperature", [20.0, 4.0, 1.0])
def test_the_loss_is_the_divergence_of_the_student_from_the_teacher_without_its_square(
    temperature, make_plan
):
    expected = 0.0
    for student, teacher in zip(STUDENT.tolist(), TEACHER.tolist(), strict=True):
        p, q = softmax(teacher, temperature), softmax(student, temperature)
        expected += float((p * np.log(p / q)).sum()) / len(STUDENT)
    loss = distillation_loss(STUDENT, TEACHER, make_plan(temperature=temperature)).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_its_gradient_goes_from_the_teachers_shares_to_the_students(make_plan):
    logits = STUDENT.clone().requires_grad_()
    distillation_loss(logits, TEACHER, make_plan(temperature=20.0)).mean().backward()
    for row, (student, teacher) in enumerate(zip(STUDENT.tolist(), TEACHER.tolist(), strict=True)):
        expected = (softmax(student, 20) - softmax(teacher, 20)) / 20 / len(STUDENT)
        assert np.allclose(logits.grad[row].numpy(), expected, atol=1e-7)
    equal = TEACHER.clone().requires_grad_()
    distillation_loss(equal, TEACHER, make_plan(temperature=20.0)).mean().backward()
    assert equal.grad.abs().max() < 1e-8


@pytest.mark.parametrize(
    ("ipc", "num_classes", "batch_size"),
    [
        (1, 10, 10),
        (10, 10, 50),
        (50, 99, 100),
        (1, 100, 20),
        (10, 100, 100),
        (50, 1000, 200),
        (2, 10, None),
        (100, 1000, None),
    ],
)
def test_batches_are_of_the_published_sizes_twice_as_large_from_100_classes_up(
    ipc, num_classes, batch_size
):
    assert published_numbers(ipc, num_classes, "resnet18_bn").batch_size == batch_size


def test_the_numbers_are_the_published_ones(make_plan):
    expected = make_plan(
        epochs=300,
        batch_size=50,
        learning_rate=1e-3,
        weight_decay=0.01,
        cutmix=True,
        temperature=20.0,
    )
    assert published_numbers(10, 10, "resnet18_bn") == expected


def test_the_rate_starts_full_and_ends_near_its_half(make_plan):
    plan = make_plan(epochs=300, learning_rate=1e-3)
    assert half_cosine_rate(1, plan) == 1e-3
    assert half_cosine_rate(151, plan) == pytest.approx(1e-3 * (2 + math.sqrt(2)) / 4)
    assert 5e-4 < half_cosine_rate(300, plan) < 5.03e-4
    assert half_cosine_rate(1, make_plan(epochs=1, learning_rate=1e-3)) == 1e-3


def test_weights_decay_and_biases_and_norms_do_not(make_plan):
    network = build_network("resnet18_bn", 3, 16)
    with torch.no_grad():
        for weights in network.parameters():
            weights.fill_(2.0)
    optimizer = adamw(network, make_plan(learning_rate=0.5, weight_decay=0.2, momentum=0.7))
    assert [group["betas"] for group in optimizer.param_groups] == [(0.7, 0.999)] * 2
    for weights in network.parameters():
        weights.grad = torch.zeros_like(weights)
    optimizer.step()
    kinds = {
        (weights.ndim > 1, round(value, 4))
        for weights in network.parameters()
        for value in (weights.min().item(), weights.max().item())
    }
    assert kinds == {(True, 1.8), (False, 2.0)}


def test_crops_are_cut_from_the_images_as_they_are_and_keep_half_of_them(make_plan):
    # Brightness says how far from the left a pixel is: what a crop shows is how wide it is.
    ramp = torch.arange(0, 256, 4).expand(3, 64, 64).to(torch.uint8)
    data = LabelledSet(ramp.expand(200, -1, -1, -1), torch.zeros(200, dtype=torch.int64), 1)
    numbers = published_numbers(10, 10, "resnet18_bn")
    plan = make_plan(crop_min_scale=numbers.crop_min_scale, batch_size=200)
    assert numbers.factor == 1
    (batch,) = SOFT_LABEL.batches(data, 32, plan, epoch_generator(0, 1))
    assert batch.inputs.shape == (200, 3, 32, 32)
    grey = (batch.inputs[:, 0] * 0.229 + 0.485) * 255
    width = (grey[:, 0, -1] - grey[:, 0, 0]).abs() / 252
    # The narrowest crop has half of the area at an aspect ratio of 3 to 4.
    assert math.sqrt(0.5 * 3 / 4) - 0.06 < width.min() < 0.68
    assert width.max() > 0.9


def test_test_images_lose_the_published_margin():
    assert resized_side(224) == 256
    assert resized_side(112) == 128
    assert resized_side(32) >= 32


def test_stored_labels_are_the_only_difference_of_the_other_protocol():
    assert (SOFT_LABEL.labels, STORED_SOFT_LABEL.labels) == ("teacher", "stored")
    assert not SOFT_LABEL.fitted
    assert {**vars(SOFT_LABEL), "labels": None} == {**vars(STORED_SOFT_LABEL), "labels": None}
