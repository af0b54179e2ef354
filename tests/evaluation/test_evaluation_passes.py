import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.evaluation.passes import CPU_CHUNK, Passes

CPU = torch.device("cpu")


def with_batch_norm():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 3)
    )


@pytest.mark.parametrize("make", [lambda: build_network("convnet2", 3, 16), with_batch_norm])
def test_a_batch_larger_than_a_chunk_gives_the_gradient_of_the_whole(make):
    count = 2 * CPU_CHUNK + 5
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 3, 16, 16, generator=generator)
    targets = torch.rand(count, 3, generator=generator).softmax(1)
    model = make()
    reference = copy.deepcopy(model)
    expected = F.cross_entropy(reference(inputs), targets)
    expected.backward()
    loss = Passes(model, torch.float32, CPU).backward(inputs, targets, F.cross_entropy)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-3, atol=1e-5)


def test_confusion_counts_each_test_image_by_true_and_predicted_class():
    torch.manual_seed(2)
    model = build_network("convnet2", 4, 8)
    with torch.no_grad():
        model.classifier.weight.mul_(20)
    count = 2 * CPU_CHUNK + 3
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 3, 8, 8), generator=generator).to(torch.uint8)
    labels = torch.randint(0, 4, (count,), generator=generator)
    expected = torch.zeros(4, 4, dtype=torch.int64)
    with torch.no_grad():
        for image, label in zip(images, labels.tolist(), strict=True):
            predicted = model(normalize(image[None].float() / 255)).argmax().item()
            expected[label, predicted] += 1
    confusion = Passes(model, torch.float32, CPU).confusion(images, labels, 4)
    assert torch.equal(confusion, expected)
    assert (confusion.sum(0) > 0).sum() > 1


def test_classifying_leaves_a_network_in_training_mode_and_its_statistics_alone():
    model = with_batch_norm()
    before = copy.deepcopy(model.state_dict())
    images = torch.randint(0, 256, (5, 3, 16, 16)).to(torch.uint8)
    Passes(model, torch.float32, CPU).confusion(images, torch.zeros(5, dtype=torch.int64), 3)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_bf16_logits_are_float32_and_near_those_of_fp32():
    model = build_network("convnet2", 4, 8)
    inputs = torch.randn(3, 3, 8, 8)
    exact = Passes(model, torch.float32, CPU).logits(inputs)
    rounded = Passes(model, torch.bfloat16, CPU).logits(inputs)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    assert torch.allclose(rounded, exact, atol=0.05)
