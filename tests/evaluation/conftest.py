import pytest
import torch

from mgd3_kedro.evaluation import EvaluationConfig, LabelledSet
from mgd3_kedro.evaluation.recipe import TrainingPlan

SETTINGS = {
    "protocol": "hard",
    "preset": "test",
    "presets": {"test": 0.002},
    "epochs": None,
    "image_size": None,
    "learning_rate": None,
    "momentum": None,
    "weight_decay": None,
    "batch_size": None,
    "cutmix": None,
    "flip_probability": None,
    "crop_min_scale": None,
    "jitter_strength": None,
    "lighting_std": None,
    "factor": None,
    "temperature": None,
    "rand_augment_ops": None,
    "rand_augment_magnitude": None,
    "validations": 100,
    "precision": "fp32",
    "compile": False,
    "device": "cpu",
    "threads": 1,
}


@pytest.fixture
def make_config():
    """Return a config with some fields changed."""
    return lambda **changes: EvaluationConfig(**(SETTINGS | changes))


@pytest.fixture
def make_plan():
    """Return the numbers of a plain training with some changed."""
    settings = {
        "epochs": 100,
        "batch_size": 64,
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "momentum": 0.9,
        "cutmix": False,
        "flip_probability": 0.5,
        "crop_min_scale": 0.5,
        "jitter_strength": 0.0,
        "lighting_std": 0.0,
    }
    return lambda **changes: TrainingPlan(**(settings | changes))


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
        return LabelledSet(images.to(torch.uint8), labels, 3)

    return make
