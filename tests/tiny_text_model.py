"""A text-to-image pipeline of the smallest size, with random weights."""

import json
import shutil
import tempfile
from pathlib import Path

import torch


def save_stable_diffusion(folder, seed=0, *, unet=None, text=None):
    """Save a pipeline as diffusers does, and return its folder; its images have 16 px.

    Args:
        folder: Where it goes.
        seed: Of its weights.
        unet: Settings of the U-Net that differ.
        text: Settings of the text encoder that differ.
    """
    from diffusers import (
        AutoencoderKL,
        PNDMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "th", "thi", "in", "ing</w>"]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    torch.manual_seed(seed)
    unet_settings = {
        "sample_size": 8,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
    }
    text_settings = {
        "vocab_size": len(tokens),
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "bos_token_id": len(tokens) - 2,
        "eos_token_id": len(tokens) - 1,
        "pad_token_id": len(tokens) - 1,
    }
    with tempfile.TemporaryDirectory() as written:
        words = Path(written)
        (words / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
        (words / "merges.txt").write_text("#version: 0.2\nt h\nth i\ni n\nin g</w>\n")
        StableDiffusionPipeline(
            vae=AutoencoderKL(
                down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2,
                block_out_channels=(8, 16),
                norm_num_groups=8,
                sample_size=16,
            ),
            text_encoder=CLIPTextModel(CLIPTextConfig(**(text_settings | (text or {})))),
            tokenizer=CLIPTokenizer.from_pretrained(words, model_max_length=77),
            unet=UNet2DConditionModel(**(unet_settings | (unet or {}))),
            scheduler=PNDMScheduler(
                beta_schedule="scaled_linear",
                beta_start=0.00085,
                beta_end=0.012,
                skip_prk_steps=True,
                set_alpha_to_one=False,
                steps_offset=1,
            ),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(folder)
        # Versions of transformers differ in the form they save a vocabulary in.
        shutil.copytree(words, folder / "tokenizer", dirs_exist_ok=True)
    return folder
