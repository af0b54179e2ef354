"""What networks see in noisy latents: which part of them is run, and how it is asked."""

import pytest
import torch
from torch import nn

from mgd3_kedro.backbones import BACKBONES, check_features, load_backbone
from mgd3_kedro.backbones.features import block_at, middle_of, output_of
from mgd3_kedro.records import ModelFolder

STEPS = 6
DEPTH = 0.3


@pytest.fixture
def load(request, make_diffusion):
    """Load a tiny model of a family."""

    def load_tiny(name, *, saved=None, **changes):
        folder = request.getfixturevalue(f"save_{name}")(**(saved or {}))
        settings = make_diffusion(num_inference_steps=STEPS, **changes)
        return load_backbone(ModelFolder(folder, "features", name), settings)

    return load_tiny


def network_of(backbone):
    denoiser = backbone.denoiser
    return getattr(denoiser, "transformer", None) or denoiser.unet


def part_of(backbone):
    network = network_of(backbone)
    return getattr(network, "mid_block", None) or network.transformer_blocks[0]


@pytest.mark.parametrize("name", BACKBONES)
def test_features_are_the_mean_over_places_of_what_a_part_gives_in_a_whole_pass(
    name, load, make_classes
):
    backbone = load(name, guidance_scale=1.0)
    latents, conditions = torch.randn(16, 4, 8, 8), backbone.conditions(make_classes([0, 3] * 8))
    given = []
    hook = part_of(backbone).register_forward_hook(lambda *call: given.append(call[-1]))
    backbone.step(4, latents, conditions)
    hook.remove()
    (whole,) = given
    over = (2, 3) if whole.ndim == 4 else 1
    with torch.no_grad():
        seen = backbone.features(4, latents, conditions, DEPTH)
    assert seen.shape == (16, whole.shape[1] if whole.ndim == 4 else whole.shape[2])
    assert torch.allclose(seen, whole.mean(over), atol=1e-6)


@pytest.mark.parametrize("name", BACKBONES)
def test_features_depend_on_noise_level_class_and_latents_and_not_on_the_batch(
    name, load, make_classes
):
    backbone = load(name)
    latents, conditions = (
        torch.randn(5, 4, 8, 8),
        backbone.conditions(make_classes([0, 3, 1, 1, 2])),
    )
    with torch.no_grad():
        seen = backbone.features(4, latents, conditions, DEPTH)
        alone = backbone.features(4, latents[1:2], conditions[1:2], DEPTH)
        later = backbone.features(1, latents, conditions, DEPTH)
        of_others = backbone.features(4, latents, conditions.flip(0), DEPTH)
    assert torch.equal(seen[1:2], alone)
    assert not torch.allclose(seen, later, atol=1e-4)
    assert not torch.allclose(seen[0], of_others[0], atol=1e-4)


@pytest.mark.parametrize("name", BACKBONES)
def test_nothing_after_the_part_is_run_and_no_hook_is_left(name, load, make_classes):
    backbone = load(name)
    ran = []
    *_, last = network_of(backbone).children()
    hook = last.register_forward_hook(lambda *_: ran.append(last))
    backbone.features(4, torch.randn(1, 4, 8, 8), backbone.conditions(make_classes([0])), DEPTH)
    assert not ran
    assert not part_of(backbone)._forward_hooks
    hook.remove()
    step = backbone.step(4, torch.randn(1, 4, 8, 8), backbone.conditions(make_classes([0])))
    assert step.prev_mean.isfinite().all()


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_gradients_of_features_reach_latents_in_full_and_no_parameter(
    name, precision, load, make_classes
):
    backbone = load(name, precision=precision)
    network_of(backbone).requires_grad_(True)
    latents = torch.randn(3, 4, 8, 8, requires_grad=True)
    conditions = backbone.conditions(make_classes([0, 1, 2]))
    seen = backbone.features(4, latents, conditions, DEPTH)
    (gradient,) = torch.autograd.grad(seen.square().sum(), latents)
    assert seen.dtype == gradient.dtype == torch.float32
    assert gradient.isfinite().all()
    assert (gradient.flatten(1).norm(dim=1) > 0).all()
    assert all(parameter.grad is None for parameter in network_of(backbone).parameters())


@pytest.mark.parametrize("name", BACKBONES)
def test_a_compiled_network_sees_the_same_without_being_compiled_for_it(name, load, make_classes):
    latents = torch.randn(2, 4, 8, 8)
    seen = []
    for compiled in (False, True):
        backbone = load(name, compile=compiled)
        conditions = backbone.conditions(make_classes([0, 1]))
        with torch.no_grad():
            seen.append(backbone.features(4, latents, conditions, DEPTH))
    assert torch.equal(*seen)


def test_a_transformer_is_run_to_a_share_of_its_blocks_one_at_least():
    assert [block_at(0.3, blocks) + 1 for blocks in (28, 12, 6, 2, 1)] == [8, 4, 2, 1, 1]
    assert block_at(1.0, 6) == 5


def test_a_deeper_look_sees_something_else(load, make_classes):
    backbone = load("dit")
    conditions = backbone.conditions(make_classes([0]))
    first, last = (
        backbone.features(4, torch.ones(1, 4, 8, 8), conditions, depth) for depth in (0.3, 1.0)
    )
    assert not torch.allclose(first, last, atol=1e-4)


def test_a_u_net_that_takes_classes_in_another_way_has_features_too(load, make_classes):
    backbone = load("latent_diffusion", saved={"kind": "addition"})
    conditions = backbone.conditions(make_classes([0, 1]))
    latents = torch.randn(1, 4, 8, 8).expand(2, -1, -1, -1)
    first, second = backbone.features(4, latents, conditions, DEPTH)
    assert not torch.allclose(first, second, atol=1e-4)


def test_products_are_as_precise_for_gradients_as_in_the_network(load, tf32_flags):
    before = tf32_flags()
    for precision, allowed in (("fp32", False), ("tf32", True)):
        with load("dit", precision=precision).as_precise():
            assert tf32_flags() == (allowed, allowed)
        assert tf32_flags() == before


def test_a_network_without_the_part_that_is_asked_about_is_refused():
    with pytest.raises(
        ValueError, match=r"^expected a U-Net with a middle block, .* got one witho"
    ):
        middle_of(type("Unet", (), {"mid_block": None}))
    part, rest = nn.Identity(), nn.Linear(2, 2)
    with pytest.raises(
        ValueError, match=r"^expected a network that runs its Identity, .* does not"
    ):
        output_of(part, lambda: rest(torch.ones(1, 2)))
    assert not part._forward_hooks


def test_an_error_on_the_way_is_told_and_leaves_no_hook():
    part = nn.Identity()

    def fail():
        raise MemoryError

    with pytest.raises(MemoryError):
        output_of(part, fail)
    assert not part._forward_hooks


def test_a_family_that_cannot_be_asked_is_refused_before_the_work(dit_folder, monkeypatch):
    check_features(ModelFolder(dit_folder, "", "dit"), "dap_scale")
    monkeypatch.setitem(BACKBONES, "blind", BACKBONES["dit"]._replace(features=False))
    message = "^dap_scale: expected a model whose .* of the family blind; set sampling.dap_sca"
    with pytest.raises(ValueError, match=message):
        check_features(ModelFolder(dit_folder, "", "blind"), "dap_scale")
