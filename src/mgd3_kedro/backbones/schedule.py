"""The noise schedule: how a model was trained, and which of its timesteps sampling visits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from mgd3_kedro.checks import check_count, check_range, lookup

SCHEDULER_FILE = "scheduler_config.json"
MOST_TIMESTEPS = 1_000_000
"""Most timesteps of training that are accepted: a thousand times the usual number. Larger tables
would fill the memory."""


def _cosine_betas(start: float, end: float, count: int) -> torch.Tensor:
    def share(progress: float) -> float:
        return math.cos((progress + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [1 - share((i + 1) / count) / share(i / count) for i in range(count)]
    return torch.tensor(betas, dtype=torch.float64).clamp(max=0.999)


BETA_SCHEDULES: dict[str, Callable[[float, float, int], torch.Tensor]] = {
    "linear": lambda start, end, count: torch.linspace(start, end, count, dtype=torch.float64),
    "scaled_linear": lambda start, end, count: torch.linspace(
        start**0.5, end**0.5, count, dtype=torch.float64
    ).square(),
    "squaredcos_cap_v2": _cosine_betas,
}

PREDICTION_TYPES: dict[str, Callable[[float, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "epsilon": lambda alpha, latents, output: output,
    "v_prediction": lambda alpha, latents, output: (
        alpha**0.5 * output + (1 - alpha) ** 0.5 * latents
    ),
    "sample": lambda alpha, latents, output: (latents - alpha**0.5 * output) / (1 - alpha) ** 0.5,
}
"""What a model predicts -> the noise it implies, from (signal share, latents, model output)."""


def _linspace(count: int, train: int, offset: int) -> torch.Tensor:
    return torch.linspace(0, train - 1, count, dtype=torch.float64).round()


def _leading(count: int, train: int, offset: int) -> torch.Tensor:
    return torch.arange(count, dtype=torch.float64) * (train // count) + offset


def _trailing(count: int, train: int, offset: int) -> torch.Tensor:
    steps = torch.arange(count, dtype=torch.float64)
    return (train - steps * (train / count)).round().flip(0) - 1


TIMESTEP_SPACINGS = {"linspace": _linspace, "leading": _leading, "trailing": _trailing}
"""Name -> function that gives the timesteps which T steps visit: including both ends, counted from
the clean end, or counted from the noisy end."""


@dataclass(frozen=True)
class TrainedSchedule:
    """The noise levels a model was trained with, and what it was trained to predict.

    Args:
        num_train_timesteps: Timesteps of training.
        beta_schedule: A name of `BETA_SCHEDULES`.
        beta_start: First beta.
        beta_end: Last beta.
        prediction_type: A name of `PREDICTION_TYPES`.
        steps_offset: First timestep that "leading" spacing visits.

    Raises:
        ValueError: If a value is not valid; the message names the setting.
    """

    num_train_timesteps: int = 1000
    beta_schedule: str = "linear"
    beta_start: float = 1e-4
    beta_end: float = 0.02
    prediction_type: str = "epsilon"
    steps_offset: int = 0

    def __post_init__(self) -> None:
        check_count("num_train_timesteps", self.num_train_timesteps)
        check_range("num_train_timesteps", self.num_train_timesteps, 1, MOST_TIMESTEPS)
        lookup(BETA_SCHEDULES, self.beta_schedule, "beta schedule")
        check_range("beta_start", self.beta_start, 0, 1)
        check_range("beta_end", self.beta_end, 0, 1)
        lookup(PREDICTION_TYPES, self.prediction_type, "prediction type")
        check_count("steps_offset", self.steps_offset, 0)

    def alphas_cumprod(self) -> torch.Tensor:
        """Return the share of signal variance at every timestep of training, float64."""
        make = BETA_SCHEDULES[self.beta_schedule]
        betas = make(self.beta_start, self.beta_end, self.num_train_timesteps)
        return torch.cumprod(1 - betas, 0)


@dataclass(frozen=True)
class NoiseSchedule:
    """Signal shares of the visited timesteps, noisiest last.

    Args:
        timesteps: (T,), int64, ascending training timesteps; step index i visits timesteps[i].
        alphas_cumprod: (T,), float64, share of signal variance at each.
        prediction_type: A name of `PREDICTION_TYPES`.
        num_train_timesteps: Timesteps of training.
    """

    timesteps: torch.Tensor
    alphas_cumprod: torch.Tensor
    prediction_type: str = "epsilon"
    num_train_timesteps: int = 1000

    def __len__(self) -> int:
        return len(self.timesteps)

    def alpha_cumprod(self, index: int) -> float:
        """Return the share of signal variance at a step index; 1 below index 0, without noise."""
        return float(self.alphas_cumprod[index]) if index >= 0 else 1.0

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents (B, C, H, W) to the noise level of a step index.

        Source: DDPM (arXiv 2006.11239), eq. 4.
        """
        alpha = self.alpha_cumprod(index)
        return alpha**0.5 * latents + (1 - alpha) ** 0.5 * noise

    def noise_pred(
        self, index: int, latents: torch.Tensor, model_output: torch.Tensor
    ) -> torch.Tensor:
        """Return the noise (B, C, H, W) that a model's output implies.

        Source: progressive distillation (arXiv 2202.00512), section 4.
        """
        convert = PREDICTION_TYPES[self.prediction_type]
        return convert(self.alpha_cumprod(index), latents, model_output)


def respaced_schedule(
    num_inference_steps: int,
    trained: TrainedSchedule | None = None,
    timestep_spacing: str = "linspace",
) -> NoiseSchedule:
    """Choose T of the training timesteps.

    Args:
        num_inference_steps: T.
        trained: How the model was trained; None for the linear schedule of DDPM.
        timestep_spacing: A name of `TIMESTEP_SPACINGS`.

    Raises:
        ValueError: If the spacing is unknown, T is not within 2..num_train_timesteps, or the offset
            leads to timesteps outside the training schedule.

    Source: improved DDPM (arXiv 2102.09672), section 4; the three spacings are those of
        arXiv 2305.08891, Table 2.
    """
    trained = trained or TrainedSchedule()
    last = trained.num_train_timesteps - 1
    check_range("num_inference_steps", num_inference_steps, 2, last + 1)
    space = lookup(TIMESTEP_SPACINGS, timestep_spacing, "timestep spacing")
    timesteps = space(num_inference_steps, last + 1, trained.steps_offset).long()
    if not 0 <= int(timesteps[0]) <= int(timesteps[-1]) <= last:
        raise ValueError(
            f"timestep_spacing: expected timesteps within 0..{last}, got "
            f"{int(timesteps[0])}..{int(timesteps[-1])} with {timestep_spacing!r} spacing of "
            f"{num_inference_steps} steps and an offset of {trained.steps_offset}"
        )
    alphas_cumprod = trained.alphas_cumprod()[timesteps]
    return NoiseSchedule(timesteps, alphas_cumprod, trained.prediction_type, last + 1)


def read_trained_schedule(folder: Path) -> TrainedSchedule:
    """Read the noise schedule of training from the scheduler of a pipeline, of any class.

    What the scheduler says about sampling (spacing, variance, clipping) is not read, because the
    settings of a run decide about that.

    Args:
        folder: Holds `scheduler_config.json`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a scheduler's, or asks for noise levels that are not
            supported.
    """
    path = folder / SCHEDULER_FILE
    if not path.is_file():
        raise FileNotFoundError(f"expected {path}, found no such file")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, Mapping):
            raise ValueError(f"expected settings by name, got {values!r}")
        for name in ("trained_betas", "rescale_betas_zero_snr"):
            if values.get(name):
                raise ValueError(f"{name}: expected none, as it is not supported")
        return TrainedSchedule(**_known_fields(values))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _known_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(TrainedSchedule)}
    return {name: value for name, value in values.items() if name in names}
