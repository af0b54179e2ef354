"""Sentences about the measurements of a prior."""

from __future__ import annotations

from collections.abc import Mapping

from mgd3_kedro.pipelines.pretrain.judge import JudgeConfig

Measured = Mapping[str, float]


def describe_findings(
    reconstruction: Measured,
    denoised: Measured,
    judged: Measured,
    memorised: Measured,
    sampling_defaults: Measured,
    judge: JudgeConfig,
) -> tuple[str, ...]:
    """Return a sentence on each of reconstruction, denoising, recognition and memorisation.

    Args:
        reconstruction: Metrics of `measure_reconstruction`.
        denoised: Metrics of `measure_denoising`.
        judged: Metrics of `judge_samples`.
        memorised: Metrics of `measure_memorisation`.
        sampling_defaults: Settings of sampling, with `guidance_scale`.
        judge: Configuration of the judge, with the number of samples per class.
    """
    return (
        f"reconstruction: {reconstruction['psnr_train']:.1f} dB PSNR on the train split, "
        f"{reconstruction['psnr_test']:.1f} dB on the test split",
        "denoising: the mean squared error of latents (of unit variance) is "
        f"{denoised['train_error']:.3f} on the train split and {denoised['test_error']:.3f} on "
        "the test split, over all noise levels",
        f"{judged['samples_recognised']:.1f} % of {judge.samples_per_class} samples per class at "
        f"guidance scale {sampling_defaults['guidance_scale']:g} are recognised by a "
        f"{judge.network} trained on the real train split, which recognises "
        f"{judged['test_recognised']:.1f} % of the real test images, and "
        f"{judged['reconstructed_recognised']:.1f} % of them after the autoencoder",
        "memorisation: the median distance to the nearest training image of the class is "
        f"{memorised['samples_p50']:.2f} for these samples and {memorised['unseen_p50']:.2f} for "
        "test images, a sample is nearer than a test image with probability "
        f"{memorised['nearer_probability']:.2f}, {memorised['nearest_percent']:.1f} % of samples "
        "are nearer than 99 % of test images, and the nearest image of "
        f"{memorised['training_nearest_percent']:.0f} % of samples is a training image, not a "
        f"test image ({memorised['training_nearest_by_chance']:.0f} % by chance)",
    )
