import copy
from dataclasses import replace
from functools import partial

import pytest
import torch
from diffusers import AutoencoderKL, DiTTransformer2DModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import nn

from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.network_ops import compile_parts, move_average
from mgd3_kedro.training.acceleration import (
    build_optimizer,
    choose_attention,
    fast_kernels,
)
from mgd3_kedro.training.attention import ShortAttention, shorten_attention
from mgd3_kedro.training.settings import LoopConfig

CONFIG = LoopConfig(
    steps=1,
    batch_size=1,
    flip_probability=0.0,
    learning_rate=0.3,
    warmup_steps=0,
    weight_decay=0.05,
    ema_decay=0.0,
    precision="fp32",
    compile=False,
    seed=0,
)


def test_the_optimiser_has_the_settings_and_is_fused_on_a_graphics_card_alone():
    model = nn.Linear(2, 3)
    for device, fused in (("cpu", None), ("cuda", True)):
        (group,) = build_optimizer(model, CONFIG, torch.device(device)).param_groups
        assert group["params"] == [model.weight, model.bias]
        assert (group["lr"], group["weight_decay"], group["fused"]) == (0.3, 0.05, fused)


def compiled(module):
    return module._compiled_call_impl is not None


def test_a_model_is_compiled_as_it_is_called_an_autoencoder_by_halves():
    plain = nn.Linear(2, 3)
    names = list(plain.state_dict())
    compile_parts(plain)
    assert compiled(plain)
    assert list(plain.state_dict()) == names
    with torch.device("meta"):
        vae = AutoencoderKL()
    compile_parts(vae)
    assert [compiled(part) for part in (vae, vae.encoder, vae.decoder)] == [False, True, True]


def test_flags_hold_inside_and_are_restored_after_an_error(tf32_flags):
    cudnn = torch.backends.cudnn
    before = (*tf32_flags(), cudnn.benchmark)
    inside = []

    def look_and_stop():
        with fast_kernels(PRECISIONS["tf32"]):
            inside.append((*tf32_flags(), cudnn.benchmark))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        look_and_stop()
    assert inside == [(True, True, True)]
    assert (*tf32_flags(), cudnn.benchmark) == before


@pytest.mark.parametrize("decay", [0.0, 0.75, 1.0])
def test_an_average_keeps_its_share_of_the_weights_and_takes_the_buffers(decay):
    model = nn.BatchNorm1d(3)
    average = copy.deepcopy(model).requires_grad_(False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([2.0, 3.0, 5.0]))
        model.running_mean.fill_(7.0)
    move_average(average, model, decay)
    expected = decay * torch.ones(3) + (1 - decay) * torch.tensor([2.0, 3.0, 5.0])
    assert torch.allclose(average.weight, expected)
    assert (average.running_mean == 7).all()
    assert not average.weight.requires_grad


def attending():
    """Return a small transformer, and what it is called with."""
    torch.manual_seed(0)
    model = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        sample_size=8,
        patch_size=2,
        num_embeds_ada_norm=3,
    ).eval()
    inputs = torch.randn(3, 4, 8, 8)
    return model, partial(model, inputs, torch.tensor([1, 20, 300]), torch.tensor([0, 1, 2]))


def processors(model):
    return {type(module.processor) for module in model.modules() if isinstance(module, Attention)}


@pytest.mark.parametrize(
    ("device", "precision", "chosen"),
    [
        ("cpu", "bf16", ShortAttention),
        ("cpu", "fp32", AttnProcessor2_0),
        ("cuda", "bf16", AttnProcessor2_0),
    ],
)
def test_attention_is_short_on_a_cpu_in_reduced_precision_alone(device, precision, chosen):
    model, _ = attending()
    choose_attention(model, replace(CONFIG, precision=precision), torch.device(device))
    assert processors(model) == {chosen}


def test_short_attention_has_the_gradients_of_the_fused_one():
    model, predict = attending()
    found = []
    for shorten in (lambda _: None, shorten_attention):
        shorten(model)
        predict().sample.square().mean().backward()
        found.append([weights.grad.clone() for weights in model.parameters()])
        model.zero_grad()
    for fused, short in zip(*found, strict=True):
        torch.testing.assert_close(short, fused)


@pytest.mark.parametrize(("longest", "scores_kept"), [(16, True), (15, False)])
def test_attention_over_many_tokens_stays_fused(longest, scores_kept, monkeypatch):
    monkeypatch.setattr("mgd3_kedro.training.attention.LONGEST_PLAIN", longest)
    model, predict = attending()
    shorten_attention(model)
    with torch.profiler.profile() as profile:
        predict()
    used = {event.name for event in profile.events()}
    assert ("aten::softmax" in used) == scores_kept
    assert ("aten::scaled_dot_product_attention" in used) != scores_kept


def test_an_autoencoder_counts_the_pixels_of_its_latents_as_tokens(monkeypatch):
    monkeypatch.setattr("mgd3_kedro.training.attention.LONGEST_PLAIN", 16)
    vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4).eval()
    images = torch.rand(1, 3, 4, 4)
    before = vae(images).sample
    shorten_attention(vae)
    with torch.profiler.profile() as profile:
        torch.testing.assert_close(vae(images).sample, before)
    assert "aten::softmax" in {event.name for event in profile.events()}
