import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.evaluation.networks import NETWORKS, build_network
from mgd3_kedro.evaluation.networks.layers import Halve, instance_norm

SMALLEST = {
    **dict.fromkeys(NETWORKS, 16),
    **{f"convnet{depth}{norm}": 2**depth for depth in range(1, 9) for norm in ("", "_bn")},
    "alexnet": 8,
    "vgg11": 32,
    "vit": 8,
}
CHEAP = [name for name in NETWORKS if "101" not in name]
"""A ResNet-101 is more of the same blocks as a ResNet-50, at twice the time."""


def side_after_each_block(network, image_size):
    x = torch.rand(1, 3, image_size, image_size)
    sides = []
    with torch.no_grad():
        for block in network.features:
            x = block(x)
            if x.ndim == 4:
                sides.append(x.shape[-1])
    return sides


def norm(x, layer):
    """Instance norm, written out."""
    mean = x.mean((2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean((2, 3), keepdim=True)
    scaled = (x - mean) / torch.sqrt(variance + 1e-5)
    return scaled * layer.weight[:, None, None] + layer.bias[:, None, None]


@pytest.mark.parametrize(
    ("name", "num_classes", "image_size", "expected"),
    [
        ("convnet6", 10, 224, 754_570),
        ("convnet6", 100, 224, 858_340),
        ("convnet6", 10, 128, 748_170),
        ("resnet_ap10", 10, 224, 4_910_922),
        ("resnet_ap10", 100, 224, 4_957_092),
        ("resnet_ap10", 10, 128, 4_903_242),
        ("resnet18", 10, 224, 11_181_642),
        ("resnet18", 100, 224, 11_227_812),
        ("resnet18", 10, 128, 11_173_962),
        ("convnet3", 10, 32, 320_010),
        ("convnet3_bn", 10, 32, 320_010),
        ("resnet18_bn", 1000, 224, 11_689_512),
        ("resnet50_bn", 1000, 224, 25_557_032),
        ("resnet101_bn", 1000, 224, 44_549_160),
    ],
)
def test_networks_have_the_published_number_of_weights(name, num_classes, image_size, expected):
    with torch.device("meta"):
        network = build_network(name, num_classes, image_size)
    assert sum(weights.numel() for weights in network.parameters()) == expected


@pytest.mark.parametrize(
    ("image_size", "depth"),
    [(28, 3), (32, 3), (64, 4), (96, 5), (128, 5), (224, 6), (256, 6), (8, 1), (2, 1)],
)
def test_a_convnet_without_a_depth_is_as_deep_as_fits_the_images(image_size, depth):
    with torch.device("meta"):
        found, expected = (
            build_network(name, 10, image_size) for name in ("convnet", f"convnet{depth}")
        )
    assert str(found) == str(expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_gives_logits_and_features_and_learns_with_all_weights(name):
    size = SMALLEST[name]
    network = build_network(name, 7, size)
    images = torch.rand(1, 3, size, size)
    with torch.random.fork_rng(devices=[]):
        features = network.features(images)
    logits = network(images)
    assert features.shape == (1, network.classifier.in_features)
    assert logits.shape == (1, 7)
    assert torch.allclose(network.classifier(features), logits, atol=1e-5)
    F.cross_entropy(logits, torch.tensor([6])).backward()
    for key, weights in network.named_parameters():
        assert weights.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", CHEAP)
def test_every_network_takes_images_of_any_size_that_is_not_too_small(name):
    for size in (28, 32, 64, 100, 128, 224, 256):
        if size < SMALLEST[name]:
            continue
        with torch.device("meta"), torch.no_grad():
            network = build_network(name, 7, size)
            assert network(torch.rand(2, 3, size, size)).shape == (2, 7)


@pytest.mark.parametrize("name", [name for name in NETWORKS if not name.startswith("convnet")])
def test_a_network_refuses_images_it_would_shrink_too_far_by_its_own_name(name):
    size = SMALLEST[name]
    message = f"^{name}: expected images of at least {size} px, got {size - 1} px$"
    with pytest.raises(ValueError, match=message):
        build_network(name, 10, size - 1)


@pytest.mark.parametrize("name", [name for name in CHEAP if SMALLEST[name] <= 32])
def test_an_image_is_classified_alone_but_trained_alone_only_without_batch_norm(name):
    size = SMALLEST[name]
    network = build_network(name, 5, size)
    batch = torch.rand(3, 3, size, size)
    other = torch.cat([batch[:1], torch.rand_like(batch[1:])])
    with torch.no_grad():
        alone_in_training = name == "vit" or torch.allclose(network(batch)[0], network(other)[0])
        network.eval()
        assert torch.allclose(network(batch)[0], network(other)[0])
        assert not torch.allclose(network(batch)[1], network(other)[1])
    assert alone_in_training == (not name.endswith("_bn"))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_name_tells_the_norm(name):
    with torch.device("meta"):
        modules = list(build_network(name, 2, 256).modules())
    batch = sum(isinstance(module, nn.BatchNorm2d) for module in modules)
    instance = [module for module in modules if isinstance(module, nn.GroupNorm)]
    assert (batch > 0) == name.endswith("_bn")
    assert bool(instance) == (not name.endswith("_bn") and name not in {"alexnet", "vit"})
    assert all(module.num_groups == module.num_channels for module in instance)


@pytest.mark.parametrize("name", CHEAP)
def test_every_network_is_a_function_of_the_default_generator(name):
    weights = []
    for seed in (1, 1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build_network(name, 3, SMALLEST[name])
        weights.append(torch.cat([w.flatten() for w in network.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_each_convnet_block_halves_the_image_rounding_down():
    sides = side_after_each_block(build_network("convnet6", 2, 72), 72)
    assert sides[3::4] == [36, 18, 9, 4, 2, 1]
    assert sides[0::4] == [72, 36, 18, 9, 4, 2]


@pytest.mark.parametrize(
    ("name", "image_size", "expected"),
    [
        # stem, four stages, global pool
        ("resnet_ap10", 224, [56, 56, 28, 14, 7, 1]),
        ("resnet_ap10", 129, [32, 32, 16, 8, 4, 1]),
        ("resnet_ap10", 128, [64, 64, 32, 16, 8, 1]),
        ("resnet_ap10", 65, [32, 32, 16, 8, 4, 1]),
        ("resnet_ap10", 64, [64, 64, 32, 16, 8, 1]),
        ("resnet_ap10", 32, [32, 32, 16, 8, 4, 1]),
        ("resnet18", 224, [56, 56, 56, 28, 28, 14, 14, 7, 7, 1]),
        ("resnet18", 128, [64, 64, 64, 32, 32, 16, 16, 8, 8, 1]),
        ("resnet18", 64, [64, 64, 64, 32, 32, 16, 16, 8, 8, 1]),
        ("resnet18_bn", 225, [57, 57, 57, 29, 29, 15, 15, 8, 8, 1]),
        ("resnet50", 224, [56] * 4 + [28] * 4 + [14] * 6 + [7] * 3 + [1]),
        ("resnet50_bn", 32, [32] * 4 + [16] * 4 + [8] * 6 + [4] * 3 + [1]),
        ("resnet101", 128, [64] * 4 + [32] * 4 + [16] * 23 + [8] * 3 + [1]),
    ],
)
def test_the_stem_of_a_residual_network_depends_on_the_image_size(name, image_size, expected):
    with torch.device("meta"):
        assert side_after_each_block(build_network(name, 2, image_size), image_size) == expected


def test_large_images_meet_seven_pixel_kernels_and_small_ones_three():
    for name in ("resnet_ap10", "resnet18", "resnet50_bn"):
        with torch.device("meta"):
            stems = [build_network(name, 2, size).features[0] for size in (129, 128, 64)]
        assert [stem[0].kernel_size for stem in stems] == [(7, 7), (3, 3), (3, 3)]


@pytest.mark.parametrize("image_size", [130, 66])
def test_the_stem_of_a_resnet_ends_in_overlapping_max_pooling(image_size):
    stem = build_network("resnet18", 2, image_size).features[0]
    x = torch.randn(1, 3, image_size, image_size)
    stride, padding = (2, 3) if image_size > 128 else (1, 1)
    out = F.relu(norm(F.conv2d(x, stem[0].weight, stride=stride, padding=padding), stem[1]))
    assert torch.allclose(stem(x), F.max_pool2d(out, 3, 2, padding=1), atol=1e-4)


@pytest.mark.parametrize(("image_size", "pool"), [(130, 4), (66, 2), (64, 1)])
def test_the_stem_of_a_resnet_ap_ends_in_average_pooling(image_size, pool):
    stem = build_network("resnet_ap10", 2, image_size).features[0]
    x = torch.randn(1, 3, image_size, image_size)
    out = F.relu(norm(F.conv2d(x, stem[0].weight, padding="same"), stem[1]))
    assert torch.allclose(stem(x), F.avg_pool2d(out, pool), atol=1e-4)


def test_a_resnet_ap_block_pools_where_a_residual_block_strides():
    block = build_network("resnet_ap10", 2, 32).features[2]
    body, shortcut = list(block.body), list(block.shortcut)
    x = torch.randn(2, 64, 9, 9)
    out = F.relu(norm(F.conv2d(x, body[0].weight, padding=1), body[1]))
    out = F.avg_pool2d(out, 2)
    out = norm(F.conv2d(out, body[4].weight, padding=1), body[5])
    residual = norm(F.avg_pool2d(F.conv2d(x, shortcut[0].weight), 2), shortcut[2])
    assert torch.allclose(block(x), F.relu(out + residual), atol=1e-5)


def test_a_resnet_block_strides_in_its_first_convolution_and_in_its_shortcut():
    block = build_network("resnet18", 2, 32).features[3]
    body, shortcut = list(block.body), list(block.shortcut)
    x = torch.randn(2, 64, 9, 9)
    out = F.relu(norm(F.conv2d(x, body[0].weight, stride=2, padding=1), body[1]))
    out = norm(F.conv2d(out, body[3].weight, padding=1), body[4])
    residual = norm(F.conv2d(x, shortcut[0].weight, stride=2), shortcut[1])
    assert torch.allclose(block(x), F.relu(out + residual), atol=1e-5)


@pytest.mark.parametrize("name", ["resnet_ap10", "resnet18", "resnet50_bn"])
def test_convolutions_of_residual_networks_start_from_their_fan_out(name):
    for module in build_network(name, 2, 32).modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 50_000:
            expected = (2 / (module.kernel_size[0] ** 2 * module.out_channels)) ** 0.5
            assert module.weight.std().item() == pytest.approx(expected, rel=0.02)
            assert module.bias is None


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (1, 2, 7, 9), (1, 1, 3, 2)])
def test_halving_is_average_pooling_and_so_is_its_gradient(shape):
    ours = torch.randn(shape, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    halved, pooled = Halve()(ours), F.avg_pool2d(theirs, 2)
    assert torch.allclose(halved, pooled, atol=1e-6)
    direction = torch.randn_like(pooled)
    (halved * direction).sum().backward()
    (pooled * direction).sum().backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)


def test_instance_norm_standardises_each_channel_of_each_image():
    layer = instance_norm(4)
    x = 3 + 2 * torch.randn(5, 4, 6, 6)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, 0.5, -1.0]))
        layer.bias.copy_(torch.tensor([0.0, 1.0, -1.0, 2.0]))
        assert torch.allclose(layer(x), norm(x, layer), atol=1e-5)


def test_a_convnet_too_deep_for_its_images_is_refused_with_the_depth_that_fits():
    with pytest.raises(ValueError, match=r"at least 64 px .* got 63 px.* depth 5 or less"):
        build_network("convnet6", 10, 63)
    assert build_network("convnet5", 10, 63)(torch.rand(1, 3, 63, 63)).shape == (1, 10)


def test_an_unknown_network_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown network 'convnet9'.*convnet1.*resnet18"):
        build_network("convnet9", 10, 32)


def test_a_network_without_classes_is_refused():
    with pytest.raises(ValueError, match="num_classes"):
        build_network("convnet3", 0, 32)
