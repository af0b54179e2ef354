"""The original checkpoint of class-conditional latent diffusion as a diffusers pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from diffusers import DDIMScheduler, LDMPipeline

Weights = Mapping[str, torch.Tensor]

UNET = "model.diffusion_model."
AUTOENCODER = "first_stage_model."
CODEBOOK = f"{AUTOENCODER}quantize.embedding.weight"
CLASSES = "cond_stage_model.embedding.weight"
REQUIRED = (UNET, AUTOENCODER, CLASSES)
"""Prefixes of the parameter names in such a checkpoint."""
AVERAGED = "model_ema."
TRAINED_PARTS = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
LATENT_SIDE = 64
NUM_HEADS = 1
"""Facts of the public ImageNet model that the shapes of its weights do not show."""


def assemble_pipeline(weights: Weights) -> LDMPipeline:
    """Turn a checkpoint into a pipeline whose U-Net holds the class embeddings.

    diffusers' converters map the layers; sizes are read from the weights. If the checkpoint has
    averaged (EMA) weights, these are used.

    Args:
        weights: Parameters and buffers by their original names.

    Raises:
        ValueError: If a parameter is missing, unexpected or of another shape than in the
            architecture, or if the noise schedule differs.

    Source: latent diffusion (arXiv 2112.10752), Table 13 (ImageNet, LDM-4).
    """
    from diffusers import LDMPipeline, UNet2DConditionModel, VQModel
    from diffusers.loaders.single_file_utils import (
        convert_ldm_unet_checkpoint,
        convert_ldm_vae_checkpoint,
    )

    embeddings = weights[CLASSES]
    trained = _unet_weights(weights)
    config = _unet_config(trained, embeddings)
    converted = convert_ldm_unet_checkpoint(dict(trained), config)
    _check_all_taken(trained, converted, UNET)
    # A matrix times a one-hot row is a look-up in a table.
    converted["encoder_hid_proj.weight"] = embeddings.T
    converted["encoder_hid_proj.bias"] = embeddings.new_zeros(embeddings.shape[1])
    unet = _filled(UNet2DConditionModel, config, converted)

    prefixes = tuple(f"{AUTOENCODER}{part}" for part in TRAINED_PARTS)
    trained = {name: tensor for name, tensor in weights.items() if name.startswith(prefixes)}
    config = _autoencoder_config(weights)
    converted = convert_ldm_vae_checkpoint(dict(trained), config)
    _check_all_taken(trained, converted, AUTOENCODER)
    converted["quantize.embedding.weight"] = weights[CODEBOOK]
    vqvae = _filled(VQModel, config, converted)
    return LDMPipeline(vqvae=vqvae, unet=unet, scheduler=_scheduler(weights))


def _unet_weights(weights: Weights) -> dict[str, torch.Tensor]:
    names = [name for name in weights if name.startswith(UNET)]
    # The averaged copy uses the U-Net's names within its wrapper, without the dots.
    averaged = {name: f"{AVERAGED}{name.removeprefix('model.').replace('.', '')}" for name in names}
    missing = [name for name in averaged.values() if name not in weights]
    if len(missing) == len(names):
        return {name: weights[name] for name in names}
    if missing:
        raise ValueError(
            f"expected averaged copies of all weights or of none, but {missing[0]} and "
            f"{len(missing) - 1} more are missing"
        )
    return {name: weights[averaged[name]] for name in names}


def _unet_config(weights: Weights, embeddings: torch.Tensor) -> dict[str, Any]:
    blocks = _count(weights, f"{UNET}input_blocks.")
    levels = 1 + sum(name.endswith(".0.op.weight") for name in weights)
    layers = (blocks - levels) // levels
    first_blocks = [f"{UNET}input_blocks.{1 + level * (layers + 1)}." for level in range(levels)]
    attends = [f"{block}1.proj_in.weight" in weights for block in first_blocks]
    return {
        "sample_size": LATENT_SIDE,
        "in_channels": _shape(weights, f"{UNET}input_blocks.0.0.weight")[1],
        "out_channels": _shape(weights, f"{UNET}out.2.weight")[0],
        "block_out_channels": [
            _shape(weights, f"{block}0.out_layers.3.weight")[0] for block in first_blocks
        ],
        "layers_per_block": layers,
        "down_block_types": [
            "CrossAttnDownBlock2D" if attend else "DownBlock2D" for attend in attends
        ],
        "up_block_types": [
            "CrossAttnUpBlock2D" if attend else "UpBlock2D" for attend in reversed(attends)
        ],
        "transformer_layers_per_block": _count(
            weights, f"{UNET}middle_block.1.transformer_blocks."
        ),
        "cross_attention_dim": embeddings.shape[1],
        "encoder_hid_dim": embeddings.shape[0],
        "encoder_hid_dim_type": "text_proj",
        # Despite its name, this is the number of heads.
        "attention_head_dim": NUM_HEADS,
    }


def _autoencoder_config(weights: Weights) -> dict[str, Any]:
    levels = _count(weights, f"{AUTOENCODER}encoder.down.")
    num_codes, code_size = _shape(weights, CODEBOOK)
    return {
        "sample_size": LATENT_SIDE * 2 ** (levels - 1),
        "in_channels": _shape(weights, f"{AUTOENCODER}encoder.conv_in.weight")[1],
        "out_channels": _shape(weights, f"{AUTOENCODER}decoder.conv_out.weight")[0],
        "block_out_channels": [
            _shape(weights, f"{AUTOENCODER}encoder.down.{level}.block.0.conv2.weight")[0]
            for level in range(levels)
        ],
        "layers_per_block": _count(weights, f"{AUTOENCODER}encoder.down.0.block."),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "latent_channels": _shape(weights, f"{AUTOENCODER}encoder.conv_out.weight")[0],
        "num_vq_embeddings": num_codes,
        "vq_embed_dim": code_size,
        # Stored with the weights if latents were scaled to unit variance; otherwise 1.
        "scaling_factor": float(weights.get("scale_factor", 1.0)),
    }


def _scheduler(weights: Weights) -> DDIMScheduler:
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",  # what latent diffusion calls linear
        beta_start=0.0015,
        beta_end=0.0195,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    betas = weights.get("betas", scheduler.betas).float()
    if betas.shape != scheduler.betas.shape or not torch.allclose(betas, scheduler.betas, 1e-3):
        raise ValueError(
            f"betas: expected {len(scheduler.betas)} from {scheduler.betas[0]:.4g} to "
            f"{scheduler.betas[-1]:.4g} with linear roots, got {len(betas)} from "
            f"{float(betas[0]):.4g} to {float(betas[-1]):.4g}"
        )
    return scheduler


def _count(weights: Weights, prefix: str) -> int:
    found = {name[len(prefix) :].split(".")[0] for name in weights if name.startswith(prefix)}
    if not found:
        raise ValueError(f"expected layers named {prefix}0, got none")
    return len(found)


def _shape(weights: Weights, name: str) -> torch.Size:
    if name not in weights:
        raise ValueError(f"expected a parameter {name}, got none")
    return weights[name].shape


def _check_all_taken(given: Weights, converted: Weights, prefix: str) -> None:
    # The converters drop parameters that they do not know.
    if surplus := len(given) - len(converted):
        raise ValueError(
            f"expected only the parameters of latent diffusion's ImageNet model, got {surplus} "
            f"other parameters whose names begin with {prefix}"
        )


def _filled(model_class: type[Any], config: Mapping[str, Any], weights: Weights) -> Any:
    with torch.device("meta"):
        model = model_class(**config)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ValueError(
                f"expected {name} of shape {expected.get(name, 'none')} in the "
                f"{model_class.__name__}, got {found.get(name, 'none')}"
            )
    contiguous = {name: tensor.contiguous() for name, tensor in weights.items()}
    model.load_state_dict(contiguous, assign=True)
    return model
