"""Diffusion transformers whose weights were trained with the official code, and with diffusers'."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import DiTTransformer2DModel
from official_dit import OfficialDiT

from mgd3_kedro.backbones import BACKBONES, load_backbone, settle_settings
from mgd3_kedro.backbones.dit import load_dit
from mgd3_kedro.backbones.settings import FREQUENCY_SHIFTS
from mgd3_kedro.backbones.time_frequencies import PUBLISHED, embed_time
from mgd3_kedro.records import ModelFolder

PRIOR = Path(__file__).parents[2] / "data/06_models/mnist"
TIMESTEPS = torch.linspace(0, 999, 20).round().long()
SECOND_EPS = {"official": 1e-6, "diffusers": 1e-5}


def make_transformer(patch_size=2):
    torch.manual_seed(3)
    model = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=8,
        num_layers=3,
        sample_size=8,
        patch_size=patch_size,
        num_embeds_ada_norm=7,
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("name", FREQUENCY_SHIFTS)
def test_time_is_embedded_by_the_closed_formula_of_the_official_code_or_of_diffusers(name):
    transformer = make_transformer()
    embed_time(transformer, name)
    steps = torch.arange(128).double()
    frequencies = 10_000 ** (-steps / {"official": 128, "diffusers": 127}[name])
    angles = TIMESTEPS.double()[:, None] * frequencies
    expected = torch.cat([angles.cos(), angles.sin()], dim=1)
    for block in transformer.transformer_blocks:
        found = block.norm1.emb.time_proj(TIMESTEPS).double()
        # Angles of up to 999 have an error of 6e-5 in float32.
        assert (found - expected).abs().max() < 2e-4


@pytest.mark.parametrize("patch_size", [1, 2])
@pytest.mark.parametrize("name", FREQUENCY_SHIFTS)
def test_outputs_are_those_of_the_official_network_with_either_frequencies(name, patch_size):
    transformer = make_transformer(patch_size).double()
    embed_time(transformer, name)
    official = OfficialDiT(transformer, FREQUENCY_SHIFTS[name], SECOND_EPS[name])
    latents, labels = torch.randn(20, 4, 8, 8).double(), torch.arange(20) % 8
    found = transformer(latents, timestep=TIMESTEPS, class_labels=labels).sample
    expected = official(latents, TIMESTEPS, labels)
    assert expected.std() > 0.5
    assert (found - expected).abs().max() < 1e-10


def test_official_frequencies_matter_from_the_middle_of_the_timesteps_on():
    transformer = make_transformer()
    latents, labels = torch.randn(20, 4, 8, 8), torch.arange(20) % 8
    official, other = (
        OfficialDiT(transformer, shift)(latents, TIMESTEPS, labels) for shift in (0, 1)
    )
    differences = (official - other).abs().amax((1, 2, 3))
    assert differences[0] == 0
    assert differences[10:].min() > 0.1


def test_official_weights_are_sampled_with_official_frequencies(
    save_dit, make_diffusion, make_classes
):
    folder = save_dit()
    latents, classes = torch.randn(3, 4, 8, 8), make_classes([0, 3, 6])
    outputs = {}
    for name in ("auto", *FREQUENCY_SHIFTS):
        dit = load_dit(folder, make_diffusion(time_frequencies=name))
        known = dit.conditions(classes)
        outputs[name] = dit.denoiser.predict(latents, torch.tensor([700] * 3), known)
        if name != "auto":
            transformer = dit.denoiser.transformer
            official = OfficialDiT(transformer, FREQUENCY_SHIFTS[name], SECOND_EPS[name])
            expected = official(latents, torch.tensor([700] * 3), known)
            assert torch.allclose(outputs[name], expected, atol=1e-5)
    assert torch.equal(outputs["auto"], outputs["diffusers"])
    assert (outputs["official"] - outputs["auto"]).abs().max() > 1e-3


@pytest.mark.parametrize(("out_channels", "warned"), [(4, True), (8, False)])
def test_official_frequencies_are_warned_of_where_the_weights_were_hardly_trained_with_them(
    out_channels, warned, save_dit, make_diffusion, caplog
):
    folder = save_dit(out_channels=out_channels)
    load_dit(folder, make_diffusion(time_frequencies="diffusers"))
    assert "smudges" not in caplog.text
    load_dit(folder, make_diffusion(time_frequencies="official"))
    assert ("smudges" in caplog.text) is warned


@pytest.fixture
def published(tmp_path):
    """Return a folder that has the configuration of the published weights, and nothing else."""
    part = tmp_path / "some name/transformer"
    part.mkdir(parents=True)
    (part / "config.json").write_text(json.dumps({**PUBLISHED, "sample_size": 32}))
    return part.parent


def settled(folder, config):
    return settle_settings(ModelFolder(folder, "any", "dit"), config).time_frequencies


def test_published_weights_are_known_under_any_name_and_have_official_frequencies(
    published, make_diffusion, tmp_path
):
    assert settled(published, make_diffusion()) == "official"
    shutil.copytree(published, tmp_path / "mine")
    assert settled(tmp_path / "mine", make_diffusion()) == "official"
    assert settled(published, make_diffusion(time_frequencies="diffusers")) == "diffusers"


@pytest.mark.parametrize(
    "change", [{"num_layers": 12}, {"out_channels": 4}, {"num_embeds_ada_norm": 10}]
)
def test_other_weights_than_the_official_ones_have_the_frequencies_of_diffusers(
    change, published, make_diffusion
):
    file = published / "transformer/config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert settled(published, make_diffusion()) == "diffusers"
    assert settled(published, make_diffusion(time_frequencies="official")) == "official"


def test_loading_says_how_to_have_official_frequencies_where_they_may_be_meant(
    save_dit, make_diffusion, caplog
):
    caplog.set_level(logging.INFO, logger="mgd3_kedro")
    load_dit(save_dit(), make_diffusion())
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.endswith("set diffusion.time_frequencies=official")
    caplog.clear()
    load_dit(save_dit(out_channels=4), make_diffusion())
    load_dit(save_dit(), make_diffusion(time_frequencies="diffusers"))
    assert not caplog.records


def test_settings_of_a_loaded_model_name_official_frequencies_or_not(save_dit, make_diffusion):
    folder = save_dit()
    for asked, found in {"auto": "diffusers", "official": "official"}.items():
        config = make_diffusion(time_frequencies=asked)
        assert load_dit(folder, config).config == replace(config, time_frequencies=found)


@pytest.mark.parametrize("family", sorted(set(BACKBONES) - {"dit"}))
def test_models_that_are_no_transformers_refuse_official_frequencies(
    family, make_diffusion, tmp_path
):
    model = ModelFolder(tmp_path, "any", family)
    config = make_diffusion(time_frequencies="official", cfg_channels=None)
    for refuse in (settle_settings, load_backbone):
        with pytest.raises(ValueError, match=r"time_frequencies: expected auto .*'official'"):
            refuse(model, config)
    plain = make_diffusion(cfg_channels=None)
    assert settle_settings(model, plain) == plain


def test_a_prior_of_this_project_is_sampled_bit_for_bit_as_if_there_were_no_official_code(
    make_diffusion, make_classes
):
    dit = load_dit(PRIOR, make_diffusion(cfg_channels=None))
    plain = DiTTransformer2DModel.from_pretrained(
        PRIOR / "transformer", torch_dtype=torch.float32, low_cpu_mem_usage=False
    ).eval()
    latents, labels = torch.randn(16, 4, 8, 8), torch.arange(16) % 10
    known = dit.conditions(make_classes(labels))
    for timestep in TIMESTEPS[::5].tolist():
        times = torch.full((16,), timestep)
        with torch.no_grad():
            expected = plain(latents, timestep=times, class_labels=labels).sample
        assert torch.equal(dit.denoiser.predict(latents, times, known), expected)
