"""The networks of the cross-architecture set against their layers written out."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.evaluation.networks import build_network


def weights_of(name, num_classes, image_size):
    with torch.device("meta"):
        network = build_network(name, num_classes, image_size)
    return sum(weights.numel() for weights in network.parameters())


def shapes_after(kind, network, image_size):
    """Return (channels, side) after every layer of a kind, in the order they run."""
    shapes = []
    hooks = [
        module.register_forward_hook(lambda *call: shapes.append(tuple(call[2].shape[1:3])))
        for module in network.modules()
        if isinstance(module, kind)
    ]
    network(torch.rand(1, 3, image_size, image_size))
    for hook in hooks:
        hook.remove()
    return shapes


def shake_norms(network):
    """Give every norm weights and biases of its own."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)


def standardise(x, dims, weight, bias):
    """Normalise over some dimensions, then scale and shift the channels."""
    x = x - x.mean(dims, keepdim=True)
    x = x / torch.sqrt((x**2).mean(dims, keepdim=True) + 1e-5)
    return x * weight[:, None, None] + bias[:, None, None]


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("resnet50", (3, 4, 6, 3)), ("resnet101", (3, 4, 23, 3)), ("resnet50_bn", (3, 4, 6, 3))],
)
@pytest.mark.parametrize(("image_size", "kernel"), [(224, 7), (64, 3)])
def test_a_deep_resnet_has_the_weights_of_its_bottlenecks(name, blocks, image_size, kernel):
    count = 3 * 64 * kernel**2 + 2 * 64
    came = 64
    for planes, number in zip((64, 128, 256, 512), blocks, strict=True):
        leaves = 4 * planes
        norms = 2 * (planes + planes + leaves)
        shortcut = came * leaves + 2 * leaves
        count += came * planes + 9 * planes**2 + planes * leaves + norms + shortcut
        count += (number - 1) * (2 * leaves * planes + 9 * planes**2 + norms)
        came = leaves
    assert weights_of(name, 10, image_size) == count + 10 * 2048 + 10


@pytest.mark.parametrize(("image_size", "side"), [(224, 28), (32, 4), (100, 12)])
def test_alexnet_has_the_weights_of_its_five_convolutions(image_size, side):
    count = 25 * 3 * 128 + 128
    count += 25 * 128 * 192 + 192
    count += 9 * 192 * 256 + 256
    count += 9 * 256 * 192 + 192
    count += 9 * 192 * 192 + 192
    assert weights_of("alexnet", 7, image_size) == count + 7 * 192 * side**2 + 7


@pytest.mark.parametrize(("image_size", "side"), [(224, 7), (32, 1), (100, 3)])
def test_vgg11_has_the_weights_of_its_eight_convolutions(image_size, side):
    widths = [3, 64, 128, 256, 256, 512, 512, 512, 512]
    count = 7 * 512 * side**2 + 7
    for before, after in pairwise(widths):
        count += 9 * before * after + after
        count += 2 * after
    assert weights_of("vgg11", 7, image_size) == count


@pytest.mark.parametrize(
    ("image_size", "patch", "patches"),
    [
        (256, 16, 256),
        (224, 16, 196),
        (130, 16, 64),
        (128, 16, 64),
        (127, 15, 64),
        (64, 8, 64),
        (32, 4, 64),
        (28, 3, 81),
        (8, 1, 64),
    ],
)
def test_vit_has_the_weights_of_its_ten_layers_and_its_patches(image_size, patch, patches):
    attention = 4 * (512 * 512 + 512)
    perceptron = 2 * (512 * 512 + 512)
    norm = 2 * 512
    count = 10 * (attention + perceptron + 2 * norm) + norm
    count += 3 * patch**2 * 512 + 512
    count += 512 + (1 + patches) * 512
    assert weights_of("vit", 7, image_size) == count + 7 * 512 + 7


@pytest.mark.parametrize(
    ("image_size", "sides"), [(224, (224, 112, 56)), (30, (30, 15, 7)), (8, (8, 4, 2))]
)
def test_alexnet_pools_after_its_first_second_and_last_convolution(image_size, sides):
    with torch.device("meta"):
        network = build_network("alexnet", 2, image_size)
        convolved = shapes_after(nn.Conv2d, network, image_size)
        pooled = shapes_after(nn.MaxPool2d, network, image_size)
    first, second, third = sides
    assert convolved == [(128, first), (192, second), (256, third), (192, third), (192, third)]
    assert pooled == [(128, first // 2), (192, second // 2), (192, third // 2)]


@pytest.mark.parametrize(
    ("image_size", "sides"), [(224, (224, 112, 56, 28, 14)), (63, (63, 31, 15, 7, 3))]
)
def test_vgg11_pools_after_each_of_its_five_stages(image_size, sides):
    a, b, c, d, e = sides
    expected = [(64, a), (128, b), (256, c), (256, c), (512, d), (512, d), (512, e), (512, e)]
    with torch.device("meta"):
        network = build_network("vgg11", 2, image_size)
        assert shapes_after(nn.Conv2d, network, image_size) == expected
        assert shapes_after(nn.GroupNorm, network, image_size) == expected
        pooled = shapes_after(nn.MaxPool2d, network, image_size)
    assert pooled == list(zip((64, 128, 256, 512, 512), (s // 2 for s in sides), strict=True))


def test_alexnet_is_its_layers_written_out():
    network = build_network("alexnet", 3, 19).double()
    x = torch.randn(2, 3, 19, 19, dtype=torch.float64)
    logits = network(x)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for index, layer in enumerate(convolutions):
        x = F.conv2d(x, layer.weight, layer.bias, padding="same").clamp(min=0)
        if index in (0, 1, 4):
            x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
    head = network.classifier
    assert torch.allclose(logits, x.flatten(1) @ head.weight.T + head.bias)


def test_vgg11_is_its_layers_written_out():
    network = build_network("vgg11", 3, 35).double()
    shake_norms(network)
    x = torch.randn(2, 3, 35, 35, dtype=torch.float64)
    logits = network(x)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in network.modules() if isinstance(module, nn.GroupNorm)]
    for index, (layer, norm) in enumerate(zip(convolutions, norms, strict=True)):
        x = F.conv2d(x, layer.weight, layer.bias, padding="same")
        x = standardise(x, (2, 3), norm.weight, norm.bias).clamp(min=0)
        if index in (0, 1, 3, 5, 7):
            x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
    head = network.classifier
    assert torch.allclose(logits, x.flatten(1) @ head.weight.T + head.bias)


@pytest.mark.parametrize(("name", "over"), [("resnet50_bn", (0, 2, 3)), ("resnet50", (2, 3))])
def test_a_resnet50_is_its_bottlenecks_written_out(name, over):
    network = build_network(name, 3, 21).double()
    shake_norms(network)
    x = torch.randn(2, 3, 21, 21, dtype=torch.float64)
    logits = network(x)
    convolutions = iter([m for m in network.modules() if isinstance(m, nn.Conv2d)])
    norms = iter([m for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.GroupNorm)])

    def convolve(x, kernel, stride=1):
        weight, norm = next(convolutions).weight, next(norms)
        assert weight.shape[2:] == (kernel, kernel)
        x = F.conv2d(x, weight, stride=stride, padding=kernel // 2)
        return standardise(x, over, norm.weight, norm.bias)

    x = convolve(x, 3).relu()
    for stage, number in enumerate((3, 4, 6, 3)):
        for block in range(number):
            stride = 2 if stage and not block else 1
            inner = convolve(convolve(x, 1).relu(), 3, stride).relu()
            inner = convolve(inner, 1)
            x = (inner + (x if block else convolve(x, 1, stride))).relu()
    head = network.classifier
    assert torch.allclose(logits, x.mean((2, 3)) @ head.weight.T + head.bias)
    assert next(convolutions, None) is None


def layer_norm(x, layer):
    x = x - x.mean(-1, keepdim=True)
    return x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-5) * layer.weight + layer.bias


def attend(x, attention):
    """Eight heads of 64 channels, each a softmax over all tokens."""
    q, k, v = (
        (x @ weight.T + bias).unflatten(2, (8, 64))
        for weight, bias in zip(
            attention.in_proj_weight.split(512), attention.in_proj_bias.split(512), strict=True
        )
    )
    scores = torch.einsum("bihd,bjhd->bhij", q, k) / 8
    mixed = torch.einsum("bhij,bjhd->bihd", scores.exp() / scores.exp().sum(3, keepdim=True), v)
    return mixed.flatten(2) @ attention.out_proj.weight.T + attention.out_proj.bias


@pytest.mark.parametrize("size", [16, 21])
def test_vit_is_its_layers_written_out(size):
    network = build_network("vit", 3, size).double().eval()
    shake_norms(network)
    vit = network.features
    for layer in vit.layers:
        nn.init.normal_(layer.self_attn.in_proj_bias)
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    logits = network(x)
    patch = size // 8
    cut = x.unfold(2, patch, patch).unfold(3, patch, patch)
    pixels = cut.permute(0, 2, 3, 1, 4, 5).flatten(1, 2).flatten(2)
    tokens = pixels @ vit.patches.weight.flatten(1).T + vit.patches.bias
    tokens = torch.cat([vit.class_token.repeat(2, 1, 1), tokens], 1) + vit.positions
    for layer in vit.layers:
        tokens = tokens + attend(layer_norm(tokens, layer.norm1), layer.self_attn)
        hidden = layer_norm(tokens, layer.norm2) @ layer.linear1.weight.T + layer.linear1.bias
        hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
        tokens = tokens + hidden @ layer.linear2.weight.T + layer.linear2.bias
    features = layer_norm(tokens[:, 0], vit.norm)
    head = network.classifier
    assert torch.allclose(logits, features @ head.weight.T + head.bias)


def test_the_layers_of_a_vit_start_from_different_weights():
    layers = build_network("vit", 2, 16).features.layers
    weights = torch.stack([layer.linear1.weight.flatten() for layer in layers])
    assert len(weights) == 10
    assert (torch.corrcoef(weights) - torch.eye(10)).abs().max() < 0.02


def test_vit_drops_a_tenth_of_the_embedding_in_training_only():
    network = build_network("vit", 2, 16)
    seen = []
    network.features.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        first, second = network(images), network(images)
        network.eval()
        third, fourth = network(images), network(images)
    dropped = [(tokens == 0).float().mean().item() for tokens in seen]
    assert dropped[0] == pytest.approx(0.1, abs=0.01)
    assert dropped[2] == 0
    assert not torch.equal(first, second)
    assert torch.equal(third, fourth)
    kept = seen[0] != 0
    assert torch.allclose(seen[0][kept] * 0.9, seen[2][kept], atol=1e-5)


def test_every_layer_of_a_vit_drops_a_tenth_of_its_attention_and_of_both_its_branches():
    for layer in build_network("vit", 2, 16).features.layers:
        rates = [module.p for module in layer.modules() if isinstance(module, nn.Dropout)]
        assert rates == [0.1] * 3
        assert layer.self_attn.dropout == 0.1
