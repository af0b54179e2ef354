"""The whole procedure against one written from the equations alone, in double precision."""

import itertools

import numpy as np
import pytest
import torch

from mgd3_kedro.backbones.dit import load_dit
from mgd3_kedro.sampling import denoise, image_generator

LABELS = [6, 0, 0, 3, 6, 1, 3, 3]
IMAGES = [0, 0, 1, 0, 1, 0, 1, 2]
NULL = 7

BACKBONE = {
    "sampler": "ddpm",
    "num_inference_steps": 50,
    "timestep_spacing": "linspace",
    "guidance_scale": 4.0,
    "cfg_channels": 3,
    "cfg_from_timestep": 0,
    "cfg_to_timestep": 1000,
}
SAMPLING = {
    "mode_guidance_scale": 0.1,
    "mode_guidance_schedule": "constant",
    "stop_guidance_step": 25,
    "stop_guidance_timestep": None,
}
BY_TIMESTEP = {"stop_guidance_step": None, "stop_guidance_timestep": 500}

CASES = {
    "published": {},
    "never guided": {"stop_guidance_step": 49},
    "never stopped": {"stop_guidance_step": 0},
    "stopped at a timestep": {"timestep_spacing": "leading", **BY_TIMESTEP},
    "trailing": {"timestep_spacing": "trailing"},
    "weakly guided": {"mode_guidance_scale": 0.05},
    "linear lambda": {"mode_guidance_schedule": "linear"},
    "cosine lambda": {"mode_guidance_schedule": "cosine"},
    "classifier-free everywhere": {"cfg_channels": None},
    "classifier-free nowhere": {"guidance_scale": 1.0},
    "classifier-free in between": {"cfg_from_timestep": 200, "cfg_to_timestep": 700},
    "ddim": {"sampler": "ddim"},
    "ddim never guided": {"sampler": "ddim", "stop_guidance_step": 49},
    "ddim never stopped": {"sampler": "ddim", "stop_guidance_step": 0},
    "ddim stopped at a timestep": {
        "sampler": "ddim",
        "timestep_spacing": "leading",
        "mode_guidance_schedule": "cosine",
        **BY_TIMESTEP,
    },
    "few steps": {"num_inference_steps": 12, "stop_guidance_step": 5},
}


def generators():
    return [image_generator(0, *key) for key in zip(LABELS, IMAGES, strict=True)]


def reference(network, modes, settings):
    """Return latents (B, C, H, W), float64; only the network itself computes in float32."""
    s, sources, labels = settings, generators(), torch.tensor(LABELS)
    steps = s["num_inference_steps"]
    timesteps = {
        "linspace": np.round(np.linspace(0, 999, steps)),
        "leading": np.arange(steps) * (1000 // steps),
        "trailing": np.round(1000 - np.arange(steps) * 1000 / steps)[::-1] - 1,
    }[s["timestep_spacing"]].astype(int)
    shares = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))[timesteps]
    stop = s["stop_guidance_step"]
    if stop is None:
        stop = max(i for i in range(steps) if timesteps[i] <= s["stop_guidance_timestep"])

    def noise():
        return torch.stack([torch.randn(4, 8, 8, generator=each) for each in sources]).double()

    def predict(x, t, classes):
        times = torch.full((len(x),), int(t))
        with torch.no_grad():
            return network(x.float(), timestep=times, class_labels=classes).sample.double()

    x = noise()
    for i in reversed(range(steps)):
        share, before = shares[i], shares[i - 1] if i > 0 else 1.0
        beta = 1 - share / before
        eps, variance = (output := predict(x, timesteps[i], labels))[:, :4], output[:, 4:]
        if s["cfg_from_timestep"] <= timesteps[i] <= s["cfg_to_timestep"]:
            free = predict(x, timesteps[i], torch.full_like(labels, NULL))[:, :4]
            led = slice(s["cfg_channels"])
            eps[:, led] = (free + s["guidance_scale"] * (eps - free))[:, led]
        clean = (x - np.sqrt(1 - share) * eps) / np.sqrt(share)
        left = max(0.0, (i - stop) / (steps - 1 - stop)) if stop < steps - 1 else 0.0
        scale = (
            s["mode_guidance_scale"]
            * {
                "constant": float(left > 0),
                "linear": left,
                "cosine": (1 - np.cos(np.pi * left)) / 2,
            }[s["mode_guidance_schedule"]]
        )
        if s["sampler"] == "ddim":
            clean = clean + scale * (modes - clean)
            eps = (x - np.sqrt(share) * clean) / np.sqrt(1 - share)
            x = np.sqrt(before) * clean + np.sqrt(1 - before) * eps
            if i > 0:
                noise()
            continue
        mean = np.sqrt(before) * beta / (1 - share) * clean
        mean = mean + np.sqrt(share / before) * (1 - before) / (1 - share) * x
        if i > 0:
            low, high = np.log(beta * (1 - before) / (1 - share)), np.log(beta)
            deviation = np.exp(0.5 * low) * torch.ones_like(x)
            if variance.shape[1]:
                deviation = torch.exp(0.5 * (low + (variance + 1) / 2 * (high - low)))
            mean = mean + deviation * noise() + scale * deviation * (modes - clean)
        x = mean
    return x


@pytest.fixture(scope="module")
def modes():
    return torch.randn(8, 4, 8, 8, generator=torch.Generator().manual_seed(3))


def split(case):
    """Return the settings of a case, those of the backbone and those of sampling."""
    settings = BACKBONE | SAMPLING | case
    backbone = {name: settings[name] for name in BACKBONE}
    return settings, backbone, {name: settings[name] for name in SAMPLING}


def assert_equal(actual, expected):
    assert torch.allclose(actual.double(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_run_is_the_procedure_written_out(case, modes, make_dit, make_sampling, make_classes):
    settings, backbone, sampling = split(case)
    dit = make_dit(**backbone)
    expected = reference(dit.denoiser.transformer, modes, settings)
    classes = make_classes(LABELS)
    assert_equal(denoise(dit, modes, classes, make_sampling(**sampling), generators()), expected)


def test_so_is_a_run_of_a_model_that_predicts_noise_alone(
    save_dit, modes, make_diffusion, make_sampling, make_classes
):
    settings, backbone, sampling = split({})
    dit = load_dit(save_dit(out_channels=4), make_diffusion(**backbone))
    expected = reference(dit.denoiser.transformer, modes, settings)
    classes = make_classes(LABELS)
    assert_equal(denoise(dit, modes, classes, make_sampling(**sampling), generators()), expected)


def test_every_case_ends_elsewhere(modes, make_dit):
    network = make_dit().denoiser.transformer
    ends = {name: reference(network, modes, split(case)[0]) for name, case in CASES.items()}
    for one, other in itertools.combinations(ends, 2):
        assert (ends[one] - ends[other]).abs().max() > 0.01, f"{one}, {other}"
