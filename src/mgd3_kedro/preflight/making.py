"""Checks of what images are made with: the method, the models, the device."""

from __future__ import annotations

from pathlib import Path

from mgd3_kedro.preflight.inputs import Inputs


def check_method(inputs: Inputs) -> None:
    """Refuse a method, procedure or setting that does not exist or fit, or lacks its teacher.

    Source: ours.
    """
    from mgd3_kedro.evaluation.settings import side_of
    from mgd3_kedro.pipelines.guided_generate.plan import Common
    from mgd3_kedro.pipelines.guided_generate.procedures import plan_method

    for name in ("modes", "distillation"):
        if (ipc := inputs[f"params:{name}"].ipc) != inputs["params:ipc"]:
            raise ValueError(f"{name}.ipc: expected {inputs['params:ipc']} as ipc, got {ipc}")
    benchmark = inputs["benchmark"]
    names = ("diffusion", "autoencoder", "sampling", "distillation", "device")
    common = Common(
        classes=benchmark.classes,
        image_size=benchmark.image_size,
        teacher_size=side_of(inputs["params:evaluation.image_size"], benchmark.image_size),
        mode_finder=inputs["params:modes"].mode_finder,
        checkpoints="",
        **{name: inputs[f"params:{name}"] for name in names},
    )
    plan = plan_method(inputs["params:method"], inputs["params:methods"], common)
    if plan.try_teacher and "teacher" in inputs:
        plan.try_teacher(inputs["teacher"].load())


def check_device(inputs: Inputs, name: str) -> None:
    """Refuse a device that this machine does not have.

    Source: ours.
    """
    from mgd3_kedro.devices import resolve_device

    value = inputs[name]
    resolve_device(value if isinstance(value, str) else value.device)


def check_prior(inputs: Inputs) -> None:
    """Refuse missing weights, weights that do not fit, and classes to draw that they do not know.

    Source: ours.
    """
    from mgd3_kedro.backbones import check_backbone

    drawn = inputs["benchmark"].classes if "params:diffusion" in inputs else ()
    check_backbone(inputs["prior"].load(), drawn)


def check_given_autoencoder(inputs: Inputs) -> None:
    """Refuse an autoencoder to be taken that is not there, or does not fit its configuration.

    Source: ours.
    """
    if folder := inputs["params:pretrain.autoencoder"].given:
        from diffusers import AutoencoderKL

        from mgd3_kedro.backbones.weights import check_component

        check_component(AutoencoderKL, Path(folder))


def check_finished(inputs: Inputs, name: str) -> None:
    """Refuse to start from what an earlier stage has not finished.

    Source: ours.
    """
    inputs[name]
