"""Check for schedules whose first step is so far from noise that a model expects some signal."""

from __future__ import annotations

from mgd3_kedro.backbones.schedule import TIMESTEP_SPACINGS, TrainedSchedule, respaced_schedule

BEARABLE_SIGNAL = 0.07
"""Share of the signal, as sqrt(alpha_bar), at the last training timestep of Stable Diffusion."""


def describe_early_start(
    num_inference_steps: int, trained: TrainedSchedule, timestep_spacing: str
) -> str | None:
    """Return a warning if the noisiest visited timestep is too far from pure noise.

    Sampling starts there from pure noise, but the network expects a share of signal. The last
    timestep of training has a small share too, which models are known to tolerate. So the limit is
    twice that share, or the share of Stable Diffusion if that is more.

    Args:
        num_inference_steps: T.
        trained: How the model was trained.
        timestep_spacing: A name of `TIMESTEP_SPACINGS`.

    Returns:
        The warning, with the timestep, its share of signal and the spacings that start nearer to
        noise; None if the share is within the limit.

    Raises:
        ValueError: If the number of steps does not fit the schedule of training.

    Source: arXiv 2305.08891, sections 2 and 3.3; the limit is ours.
    """

    def start(spacing: str) -> tuple[int, float]:
        schedule = respaced_schedule(num_inference_steps, trained, spacing)
        return int(schedule.timesteps[-1]), schedule.alpha_cumprod(len(schedule) - 1) ** 0.5

    last = float(trained.alphas_cumprod()[-1]) ** 0.5
    limit = max(2 * last, BEARABLE_SIGNAL)
    timestep, share = start(timestep_spacing)
    if share <= limit:
        return None
    others = [name for name in TIMESTEP_SPACINGS if name != timestep_spacing]
    fitting = [name for name in others if start(name)[1] <= limit]
    return (
        f"{num_inference_steps} steps of {timestep_spacing!r} spacing start from noise at timestep "
        f"{timestep} of {trained.num_train_timesteps}, where the model expects {share:.2f} of the "
        f"signal (at the last: {last:.3f}), so that samples are washed out; set "
        f"diffusion.timestep_spacing={' or '.join(fitting)}, or another number of steps"
    )
