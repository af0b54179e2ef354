"""Checks of the method, the models and the device that make images."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mgd3_kedro.preflight.inputs import Inputs
from mgd3_kedro.preflight.networks import matched_teacher
from mgd3_kedro.preflight.sizes import allot_with_warning
from mgd3_kedro.prior_quality import warn_of_poor_prior
from mgd3_kedro.priors import check_classes_of_prior

if TYPE_CHECKING:
    from mgd3_kedro.modes import ModesConfig
    from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig, GenerationPlan

logger = logging.getLogger(__name__)


def check_method(inputs: Inputs) -> None:
    """Refuse a method, procedure or setting that is unknown, does not fit or lacks its models."""
    plan = _plan(inputs)
    if plan.try_model and "prior" in inputs:
        plan.try_model(inputs["prior"].load())
    if plan.try_teacher and "teacher" in inputs:
        plan.try_teacher(matched_teacher(inputs))


def check_real_images(inputs: Inputs) -> None:
    """Refuse classes with too few real images for a method, or with too many images to make.

    If classes get different numbers of images, this is logged.

    Raises:
        ValueError: If there is such a class; the message names it.
    """
    plan, method = _plan(inputs), inputs["params:method"]
    if not plan.real_each:
        return
    train_images, wanted = inputs["train_images"], inputs["params:distillation"]
    wnid, partition = min(train_images.items(), key=lambda item: item[1].count)
    if partition.count < plan.real_each:
        raise ValueError(
            f"train_images: expected at least {plan.real_each} images per class, which {method} "
            f"needs to make one image, got {partition.count} in class {wnid}; leave out this "
            "class, or add images"
        )
    ipc = plan.images_each or wanted.ipc
    counts = allot_with_warning(train_images, ipc, wanted.balance, plan.real_each)
    largest = max(counts, key=lambda name: counts[name])
    if plan.most_images is not None and counts[largest] > plan.most_images:
        raise ValueError(
            f"ipc: expected at most {plan.most_images} images per class, the limit of {method} "
            f"with these settings, got {counts[largest]} for class {largest}; lower ipc, or set "
            "balance=equal"
        )


def _plan(inputs: Inputs) -> GenerationPlan:
    """Return the plan of the run's images, from the parameters that it reads."""
    from mgd3_kedro.evaluation.settings import side_of
    from mgd3_kedro.pipelines.guided_generate.plan import Common
    from mgd3_kedro.pipelines.guided_generate.procedures import plan_method

    method, ipc, wanted = (inputs[f"params:{name}"] for name in ("method", "ipc", "distillation"))
    if wanted.ipc != ipc:
        raise ValueError(
            f"distillation.ipc: expected {ipc}, the value of ipc, got {wanted.ipc}; set ipc instead"
        )
    benchmark = inputs["benchmark"]
    names = ("diffusion", "autoencoder", "sampling", "modes", "device")
    given = {name: inputs[f"params:{name}"] for name in names if f"params:{name}" in inputs}
    if (size := "params:evaluation.image_size") in inputs:
        given["teacher_size"] = side_of(inputs[size], benchmark.image_size)
    common = Common(
        classes=benchmark.classes,
        image_size=benchmark.image_size,
        distillation=wanted,
        checkpoints="",
        **given,
    )
    own_settings = f"params:methods.{method}"
    known = own_settings in inputs
    methods = {method: inputs[own_settings]} if known else inputs["params:methods"]
    plan = plan_method(method, methods, common)
    if "params:modes" in inputs:
        _check_modes(inputs["params:modes"], wanted, plan)
    return plan


def _check_modes(modes: ModesConfig, wanted: DistillationConfig, plan: GenerationPlan) -> None:
    """Refuse modes whose number per class differs from that of the images drawn for them."""
    if modes.ipc != (ipc := plan.images_each or wanted.ipc):
        of = (
            "the number that the method makes at a time" if plan.images_each else "the value of ipc"
        )
        raise ValueError(f"modes.ipc: expected {ipc}, {of}, got {modes.ipc}")
    if modes.balance != wanted.balance:
        raise ValueError(
            f"modes.balance: expected {wanted.balance}, the value of distillation.balance, got "
            f"{modes.balance}; set balance instead"
        )


def check_device(inputs: Inputs, name: str) -> None:
    """Refuse a device that this machine does not have; warn of fp16 on a CPU, which is slow."""
    from mgd3_kedro.devices import resolve_device

    value, group = inputs[name], name.removeprefix("params:")
    wanted = value if isinstance(value, str) else value.device
    # Most groups follow `device`.
    follows = wanted == inputs["params:device"]
    device = resolve_device(wanted, "device" if follows else f"{group}.device")
    if device.type == "cpu" and getattr(value, "precision", "") == "fp16":
        logger.warning(
            "%s.precision=fp16: on a CPU, fp16 is many times slower than fp32; bf16 needs as "
            "little memory",
            group,
        )


def check_prior(inputs: Inputs) -> None:
    """Refuse a prior whose weights are missing or do not fit, or that cannot draw the classes.

    Warn if the prior works on images of another size, or if its samples were found to be poor.
    """
    from mgd3_kedro.backbones import check_backbone, image_size_of

    drawn = "params:diffusion" in inputs
    model, benchmark = inputs["prior"].load(), inputs["benchmark"]
    if drawn and benchmark.listed:
        # First, because positions in a list say nothing about the classes of the prior.
        benchmark.check_numbers(str(model.path), check_backbone(model, ()))
    known = check_backbone(model, benchmark.classes if drawn else ())
    if (side := image_size_of(model)) != benchmark.image_size:
        logger.warning(
            "image_size=%d: the prior %s works on images of %d px, so images are resized before "
            "and after it; image_size=%d avoids this",
            *(benchmark.image_size, model.path, side, side),
        )
    if drawn:
        if known is not None:
            check_classes_of_prior(benchmark, model.path)
        warn_of_poor_prior(model.path)


def check_tuning(inputs: Inputs) -> None:
    """Refuse a network for training on samples of a prior that does not fit the images."""
    import torch

    from mgd3_kedro.evaluation import build_network

    config, benchmark = inputs["params:pretrain.tuning"], inputs["benchmark"]
    size = inputs["params:evaluation"].side_of(benchmark.image_size)
    with torch.device("meta"):
        build_network(config.network, len(benchmark.classes), size)


def check_given_autoencoder(inputs: Inputs) -> None:
    """Refuse a given autoencoder that is missing or does not fit its configuration."""
    if folder := inputs["params:pretrain.autoencoder"].given:
        from diffusers import AutoencoderKL

        from mgd3_kedro.backbones.weights import check_component

        check_component(AutoencoderKL, Path(folder))


def check_latents_of_prior(inputs: Inputs) -> None:
    """Refuse an autoencoder that does not fit the images, or a denoiser that does not fit latents.

    Raises:
        ValueError: If one does not fit; the message names the setting.
    """
    import torch
    from diffusers import AutoencoderKL

    from mgd3_kedro.training.autoencoder import build_autoencoder
    from mgd3_kedro.training.denoiser import build_denoiser

    config, benchmark = inputs["params:pretrain.autoencoder"], inputs["benchmark"]
    with torch.device("meta"):
        if config.given:
            model = AutoencoderKL.from_config(AutoencoderKL.load_config(config.given))
        else:
            model = build_autoencoder(config, benchmark.image_size)
        side = benchmark.image_size // 2 ** (len(model.config.block_out_channels) - 1)
        shape = (model.config.latent_channels, side, side)
        build_denoiser(inputs["params:pretrain.denoiser"], shape, len(benchmark.classes))


def check_finished(inputs: Inputs, name: str) -> None:
    """Refuse an input that an earlier stage has not finished: loading it raises the error."""
    inputs[name]
