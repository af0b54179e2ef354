"""A judge of dark and light images."""

import torch

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.evaluation import EvaluationConfig
from mgd3_kedro.pipelines.pretrain.judge import JudgeConfig
from mgd3_kedro.stages import Partition

JUDGE = JudgeConfig(
    samples_per_class=6,
    network="convnet1",
    epoch_scale=0.01,
    epochs=None,
    learning_rate=0.02,
    batch_size=None,
    image_size=None,
    crop_min_scale=None,
    precision=None,
)
LEFT_TO_THE_PROTOCOL = (
    *("image_size", "learning_rate", "momentum", "weight_decay", "temperature", "factor"),
    *("jitter_strength", "lighting_std", "rand_augment_ops", "rand_augment_magnitude"),
)
EVALUATION = EvaluationConfig(
    protocol="soft",
    preset="paper",
    presets={"paper": 1.0},
    epochs=7,
    batch_size=50,
    cutmix=True,
    flip_probability=0.25,
    crop_min_scale=0.7,
    validations=10,
    precision="fp32",
    compile=False,
    device="cpu",
    threads=1,
    **dict.fromkeys(LEFT_TO_THE_PROTOCOL),
)
CLASSES = (ClassSpec(0, "dark", 0, "dark"), ClassSpec(1, "light", 1, "light"))
BENCHMARK = Benchmark("some", 16, CLASSES)


def split(count, seed):
    """Return dark and light images of noise, as partitions."""
    generator = torch.Generator().manual_seed(seed)

    def images(low):
        made = torch.randint(low, low + 60, (count, 3, 16, 16), generator=generator)
        return made.to(torch.uint8)

    made = {"dark": images(0), "light": images(190)}
    return {
        wnid: Partition(lambda of_class=of_class: of_class, wnid, count)
        for wnid, of_class in made.items()
    }
