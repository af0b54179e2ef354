import pytest
import torch


@pytest.fixture(scope="session")
def save_stable_diffusion(tmp_path_factory):
    """Save a tiny text-to-image pipeline with random weights, as diffusers does."""
    from tiny_text_model import save_stable_diffusion

    def save(seed=0, **settings):
        return save_stable_diffusion(tmp_path_factory.mktemp("text"), seed, **settings)

    return save


@pytest.fixture(scope="session")
def save_latent_diffusion(tmp_path_factory):
    """Save a tiny class-conditional pipeline with random weights, as diffusers does."""
    from diffusers import (
        AutoencoderKL,
        DDPMScheduler,
        LDMPipeline,
        UNet2DConditionModel,
        UNet2DModel,
        VQModel,
    )

    def save(
        seed=0,
        *,
        kind="attention",
        num_embeddings=8,
        codebook=True,
        unet=None,
        vae=None,
        scheduler=None,
        folder=None,
    ):
        folder = folder or tmp_path_factory.mktemp("latent_diffusion")
        torch.manual_seed(seed)
        unet_settings = {
            "sample_size": 8,
            "in_channels": 4,
            "out_channels": 4,
            "block_out_channels": (8, 16),
            "layers_per_block": 1,
            "norm_num_groups": 4,
        }
        if kind == "attention":
            unet_settings |= {
                "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
                "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
                "cross_attention_dim": 16,
                "attention_head_dim": 1,
                "encoder_hid_dim": num_embeddings,
                "encoder_hid_dim_type": "text_proj",
            }
            network = UNet2DConditionModel(**(unet_settings | (unet or {})))
        else:
            unet_settings |= {
                "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
                "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
                "attention_head_dim": 8,
                "num_class_embeds": num_embeddings,
            }
            network = UNet2DModel(**(unet_settings | (unet or {})))
        vae_settings = {
            "down_block_types": ("DownEncoderBlock2D",) * 2,
            "up_block_types": ("UpDecoderBlock2D",) * 2,
            "block_out_channels": (8, 16),
            "latent_channels": 4,
            "norm_num_groups": 8,
            "sample_size": 16,
            "scaling_factor": 0.5,
        } | (vae or {})
        if codebook:
            autoencoder = VQModel(**({"num_vq_embeddings": 64} | vae_settings))
            # As far apart as latents are, which fresh entries are not.
            torch.nn.init.normal_(autoencoder.quantize.embedding.weight)
        else:
            autoencoder = AutoencoderKL(**vae_settings)
        # Betas are read from it; its spacing and clipping, which would give other steps, are not.
        scheduler = scheduler or DDPMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.0015,
            beta_end=0.0195,
            timestep_spacing="leading",
            clip_sample=True,
        )
        LDMPipeline(autoencoder, network, scheduler).save_pretrained(folder)
        return folder

    return save
