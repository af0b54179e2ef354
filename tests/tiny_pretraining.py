"""Settings of a tiny autoencoder and denoiser, each trained for one step."""

from mgd3_kedro.training.autoencoder import AutoencoderTrainingConfig
from mgd3_kedro.training.denoiser import DenoiserConfig

LOOP = {
    "steps": 1,
    "batch_size": 1,
    "flip_probability": 0.0,
    "learning_rate": 1.0,
    "warmup_steps": 0,
    "weight_decay": 0.0,
    "ema_decay": 0.0,
    "precision": "fp32",
    "compile": False,
    "seed": 0,
}
AUTOENCODER = AutoencoderTrainingConfig(
    **LOOP, block_channels=(8, 8), latent_channels=4, kl_weight=0.0, given=None
)
DENOISER = DenoiserConfig(
    **LOOP,
    layers=1,
    heads=1,
    head_dim=16,
    patch_size=2,
    class_dropout=0.1,
    prediction_type="sample",
    snr_gamma=None,
    snr_floor=None,
    log_sigma_mean=None,
    log_sigma_std=None,
)
