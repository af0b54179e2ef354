"""Settings of fine-tuning by the minimax criteria."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.checks import check_choice, check_count, check_range
from mgd3_kedro.devices import TRAINED_IN
from mgd3_kedro.training.settings import LoopConfig


@dataclass(frozen=True)
class MinimaxConfig:
    """Settings of the fine-tuning of a transformer.

    Args:
        representativeness_weight: Weight of 1 - cosine to the least similar remembered real latent.
        diversity_weight: Weight of the cosine to the most similar remembered prediction.
        memory_size: Number of real latents, and of predictions, remembered for each class.
        classes_at_once: Most classes that one model is fine-tuned for; more need several models.
        scaled_blocks: Number of leading blocks with scale factors; 0 trains only weights that the
            transformer already has.
        class_dropout: Probability that the class of a sample is replaced by the null class.
        epochs: Passes over the latents of a model.
        batch_size: Latents per update.
        learning_rate: Learning rate of AdamW, constant.
        weight_decay: AdamW's decoupled decay.
        ema_decay: Decay of the weight average that is kept. The average starts at the given
            weights, and with 0.9999 a short training hardly changes it. 0 keeps the last weights.
        precision: One of `TRAINED_IN`.
        seed: Seed of order and noise.

    Raises:
        ValueError: If a value is not valid; the message names the setting.
    """

    representativeness_weight: float
    diversity_weight: float
    memory_size: int
    classes_at_once: int
    scaled_blocks: int
    class_dropout: float
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    ema_decay: float
    precision: str
    seed: int

    def __post_init__(self) -> None:
        for name in ("memory_size", "classes_at_once", "epochs", "batch_size"):
            check_count(name, getattr(self, name))
        for name in ("representativeness_weight", "diversity_weight", "weight_decay"):
            check_range(name, getattr(self, name), 0)
        for name in ("scaled_blocks", "seed"):
            check_count(name, getattr(self, name), 0)
        for name in ("class_dropout", "ema_decay"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("learning_rate", self.learning_rate, 0, low_open=True)
        check_choice("precision", self.precision, TRAINED_IN)

    def loop(self, samples: int) -> LoopConfig:
        """Return the loop settings for a number of latents; an incomplete batch is left out."""
        return ConstantRate(
            steps=self.epochs * (samples // min(self.batch_size, samples)),
            batch_size=self.batch_size,
            # Latents are fixed, so those of mirrored images have to be among them.
            flip_probability=0.0,
            learning_rate=self.learning_rate,
            warmup_steps=0,
            weight_decay=self.weight_decay,
            # The loop's average forgets its initial weights; the average of this method must not.
            ema_decay=0.0,
            precision=self.precision,
            compile=False,
            seed=self.seed,
        )


@dataclass(frozen=True)
class ConstantRate(LoopConfig):
    """A training whose learning rate does not change."""

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate, which is the same for every update."""
        return self.learning_rate
