import copy

import pytest
import torch
from diffusers import AutoencoderKL
from torch import nn

from mgd3_kedro.devices import PRECISIONS
from mgd3_kedro.training.acceleration import (
    build_optimizer,
    compile_parts,
    fast_kernels,
    move_average,
)
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
