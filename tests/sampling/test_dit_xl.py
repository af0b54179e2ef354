"""The size of the published model, with random weights: minutes, so not among the usual tests."""

import pytest
import torch
from diffusers import DDIMScheduler, DiTTransformer2DModel

from mgd3_kedro.backbones.dit import load_dit
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.sampling import denoise, image_generator


@pytest.fixture(scope="module")
def dit_xl(tmp_path_factory):
    """Save a transformer of 28 layers of width 1152."""
    folder = tmp_path_factory.mktemp("dit_xl")
    transformer = DiTTransformer2DModel(
        num_attention_heads=16,
        attention_head_dim=72,
        in_channels=4,
        out_channels=8,
        num_layers=28,
        sample_size=32,
        patch_size=2,
        num_embeds_ada_norm=1000,
    )
    # The 675 million of DiT-XL/2, and its embedders again in each further layer.
    assert 7.4e8 < transformer.num_parameters() < 7.6e8
    transformer.save_pretrained(folder / "transformer")
    DDIMScheduler().save_pretrained(folder / "scheduler")
    return folder


@pytest.mark.large
def test_a_model_of_the_published_size_makes_a_guided_step(dit_xl, make_diffusion, make_sampling):
    backbone = load_dit(dit_xl, make_diffusion(num_inference_steps=2))
    assert backbone.config.time_frequencies == "official"
    modes = torch.randn(2, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    classes = [ClassSpec(0, "n01440764", 0, "tench"), ClassSpec(1, "n03888257", 701, "parachute")]

    def draw(scale):
        generators = [image_generator(0, spec.class_index, 0) for spec in classes]
        config = make_sampling(mode_guidance_scale=scale, stop_guidance_step=0)
        return denoise(backbone, modes, classes, config, generators)

    guided, unguided = draw(0.1), draw(0.0)
    assert guided.shape == (2, 4, 32, 32)
    assert guided.dtype == torch.float32
    assert guided.isfinite().all()
    assert not torch.allclose(guided, unguided, atol=1e-3)
