"""How a transformer is fine-tuned by the minimax criteria."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.checks import check_choice, check_count, check_range
from mgd3_kedro.devices import TRAINED_IN
from mgd3_kedro.training.settings import LoopConfig


@dataclass(frozen=True)
class MinimaxConfig:
    """How a transformer is fine-tuned.

    Args:
        representativeness_weight: Of 1 - cosine to the least similar remembered real latent.
        diversity_weight: Of the cosine to the most similar remembered prediction.
        memory_size: Real latents, and predictions, remembered of each class.
        classes_at_once: Classes a model is fine-tuned for, at most; more need several models.
        scaled_blocks: Blocks with scale factors, the first so many; 0 trains weights that there
            are alone.
        class_dropout: Probability that an update sees the null class instead.
        epochs: Passes over the latents of a model.
        batch_size: Latents an update sees.
        learning_rate: Of AdamW, constant.
        weight_decay: AdamW's decoupled decay.
        ema_decay: Decay of the weight average that is kept. It begins at the weights given, which
            a short training leaves hardly changed at 0.9999; 0 keeps the last weights.
        precision: One of `TRAINED_IN`.
        seed: Seed of order and noise.

    Raises:
        ValueError: Naming the setting that does not fit.
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
        """Return the training that so many latents take; an incomplete batch is left out."""
        return ConstantRate(
            steps=self.epochs * (samples // min(self.batch_size, samples)),
            batch_size=self.batch_size,
            # Latents are what they are: mirrored ones have to be among them.
            flip_probability=0.0,
            learning_rate=self.learning_rate,
            warmup_steps=0,
            weight_decay=self.weight_decay,
            # The loop's average forgets the weights it began with; this method's must not.
            ema_decay=0.0,
            precision=self.precision,
            compile=False,
            seed=self.seed,
        )


@dataclass(frozen=True)
class ConstantRate(LoopConfig):
    """A training whose learning rate does not change."""

    def learning_rate_at(self, step: int) -> float:
        """Return the rate of an update: that of all others."""
        return self.learning_rate
