import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.networks import build_network
from mgd3_kedro.evaluation.passes import CPU_CHUNK_PIXELS, Passes, evaluating, has_batch_norm

CPU = torch.device("cpu")
CHUNK = CPU_CHUNK_PIXELS // 16**2


def passes_of(model, precision="fp32"):
    return Passes(model, PRECISIONS[precision], CPU)


def with_batch_norm():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 3)
    )


@pytest.mark.parametrize("make", [lambda: build_network("convnet2", 3, 16), with_batch_norm])
def test_a_batch_larger_than_a_chunk_gives_the_gradient_of_the_whole(make):
    count = 2 * CHUNK + 5
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 3, 16, 16, generator=generator)
    targets = torch.rand(count, 3, generator=generator).softmax(1)
    model = make()
    reference = copy.deepcopy(model)
    expected = F.cross_entropy(reference(inputs), targets)
    expected.backward()
    loss = passes_of(model).backward(
        inputs, lambda logits, rows: F.cross_entropy(logits, targets[rows])
    )
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-3, atol=1e-5)


def test_the_loss_is_told_which_rows_it_sees():
    count = 2 * CHUNK + 5
    seen = []

    def loss(logits, rows):
        seen.append((rows.start, rows.stop, len(logits)))
        return logits.sum()

    inputs = torch.randn(count, 3, 16, 16)
    passes_of(build_network("convnet1", 3, 16)).backward(inputs, loss)
    size = CHUNK
    assert seen == [(0, size, size), (size, 2 * size, size), (2 * size, count, 5)]
    seen.clear()
    passes_of(with_batch_norm()).backward(inputs, loss)
    assert seen == [(0, count, count)]


@pytest.mark.parametrize(("side", "parts"), [(32, [16, 4]), (64, [4] * 5), (256, [1] * 20)])
def test_the_larger_images_are_the_fewer_are_taken_at_once(side, parts):
    seen = []
    network = nn.Sequential(nn.AvgPool2d(side), nn.Flatten())

    def loss(logits, rows):
        seen.append(len(logits))
        return logits.sum()

    passes_of(network).backward(torch.zeros(20, 3, side, side).requires_grad_(), loss)
    assert seen == parts


def test_batch_norm_is_found_wherever_it_is():
    assert has_batch_norm(with_batch_norm())
    assert has_batch_norm(build_network("resnet18_bn", 3, 16))
    assert not has_batch_norm(build_network("resnet18", 3, 16))


def test_test_images_are_normalised_and_classified_each_by_itself():
    torch.manual_seed(2)
    model = build_network("convnet2", 4, 16)
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (2 * CHUNK + 3, 3, 16, 16), generator=generator)
    images = images.to(torch.uint8)
    logits = passes_of(model).classify(images)
    assert logits.shape == (len(images), 4)
    assert not logits.requires_grad
    with torch.no_grad():
        one_by_one = [model(normalize(image[None].float() / 255))[0] for image in images]
    assert torch.allclose(logits, torch.stack(one_by_one), atol=1e-5)
    assert torch.equal(logits, passes_of(model).logits_of(normalize(images.float() / 255)))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("method", ["classify", "logits_of"])
def test_classifying_leaves_a_networks_mode_and_its_statistics_alone(method, training):
    model = with_batch_norm().train(training)
    before = copy.deepcopy(model.state_dict())
    images = torch.randint(0, 256, (5, 3, 16, 16)).to(torch.uint8)
    inputs = images if method == "classify" else images.float() / 255
    getattr(passes_of(model), method)(inputs)
    assert model.training == training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_the_mode_is_put_back_after_an_error():
    model = with_batch_norm()
    images = torch.zeros(1, 5, 16, 16, dtype=torch.uint8)
    with pytest.raises(RuntimeError), evaluating(model):
        model(images)
    assert model.training


def test_bf16_logits_are_float32_and_near_those_of_fp32():
    model = build_network("convnet2", 4, 8)
    inputs = torch.randn(3, 3, 8, 8)
    exact = passes_of(model).logits(inputs)
    rounded = passes_of(model, "bf16").logits(inputs)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    assert torch.allclose(rounded, exact, atol=0.05)


def test_tf32_is_allowed_while_a_network_computes_and_not_after(tf32_flags):
    seen = []

    class Watching(nn.Module):
        def forward(self, inputs):
            seen.append(tf32_flags())
            return inputs.flatten(1)

    before = tf32_flags()
    for precision in ("tf32", "fp32"):
        passes_of(Watching(), precision).logits(torch.zeros(1, 3, 2, 2))
    assert seen == [(True, True), (False, False)]
    assert tf32_flags() == before
