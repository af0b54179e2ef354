import pytest
import torch

from mgd3_kedro.evaluation.protocols import EvaluationConfig

SETTINGS = {
    "protocol": "hard",
    "preset": "test",
    "presets": {"test": 0.002},
    "learning_rate": None,
    "momentum": 0.9,
    "weight_decay": None,
    "batch_size": None,
    "cutmix": True,
    "flip_probability": 0.5,
    "crop_min_scale": 0.5,
    "jitter_strength": 0.4,
    "lighting_std": 0.1,
    "validations": 100,
    "precision": "fp32",
    "device": "cpu",
    "threads": 1,
}


@pytest.fixture
def make_config():
    """Return a config with some fields changed."""
    return lambda **changes: EvaluationConfig(**(SETTINGS | changes))


@pytest.fixture
def make_data():
    """Return images of three classes told apart by where they are bright."""

    def make(per_class, seed=0, size=16):
        generator = torch.Generator().manual_seed(seed)
        images = torch.randint(0, 90, (3 * per_class, 3, size, size), generator=generator)
        labels = torch.arange(3).repeat_interleave(per_class)
        images[labels == 0, :, : size // 2] += 120
        images[labels == 1, :, size // 2 :] += 120
        images[labels == 2, :, ::2] += 120
        return images.to(torch.uint8), labels

    return make
