"""Checks before a run starts: its inputs exist, fit together and are enough."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mgd3_kedro.preflight.exporting import check_asked_teacher, check_cut, check_export
from mgd3_kedro.preflight.images import (
    check_classes,
    check_ipc_of_images,
    check_made_here,
    check_readable,
    warn_of_other_split,
    warn_of_shared_images,
)
from mgd3_kedro.preflight.inputs import Inputs
from mgd3_kedro.preflight.making import (
    check_device,
    check_finished,
    check_given_autoencoder,
    check_latents_of_prior,
    check_method,
    check_prior,
    check_real_images,
    check_tuning,
)
from mgd3_kedro.preflight.networks import (
    check_increments,
    check_network,
    check_teacher,
    check_trainings,
)
from mgd3_kedro.preflight.parameters import (
    check_counts,
    check_known_parameters,
    check_protocol,
    check_run_keys,
    check_runner,
    check_sources,
    check_used,
)
from mgd3_kedro.preflight.places import check_order, place_of
from mgd3_kedro.preflight.showing import check_class_name, check_shown_methods
from mgd3_kedro.preflight.sizes import warn_of_small_classes
from mgd3_kedro.preflight.unread import warn_of_unread

__all__ = [
    "CHECKS",
    "Inputs",
    "check_counts",
    "check_inputs",
    "check_known_parameters",
    "check_order",
    "check_protocol",
    "check_run_keys",
    "check_runner",
    "check_sources",
    "check_used",
    "place_of",
    "warn_of_unread",
]

CHECKS: tuple[tuple[frozenset[str], Callable[[Inputs], None]], ...] = (
    *(
        (frozenset({name}), partial(check_device, name=name))
        for name in (
            *("params:device", "params:autoencoder", "params:diffusion", "params:evaluation"),
            *("params:teacher_training", "params:student_training"),
        )
    ),
    (frozenset({"params:pretrain.autoencoder"}), check_given_autoencoder),
    (frozenset({"params:pretrain.denoiser", "benchmark"}), check_latents_of_prior),
    (frozenset({"params:pretrain.tuning", "params:evaluation", "benchmark"}), check_tuning),
    (frozenset({"params:distillation", "params:method", "benchmark"}), check_method),
    (frozenset({"prior", "benchmark"}), check_prior),
    *(
        (frozenset({name, "benchmark"}), partial(check_network, name=name))
        for name in ("params:teacher_training", "params:student_training")
    ),
    (frozenset({"params:trainings", "benchmark"}), check_trainings),
    (frozenset({"params:trainings", "benchmark", "teacher"}), check_teacher),
    (frozenset({"params:export"}), check_export),
    (frozenset({"params:export", "benchmark", "teacher"}), check_asked_teacher),
    (frozenset({"params:class_name", "benchmark"}), check_class_name),
    (frozenset({"params:shown_methods", "params:methods"}), check_shown_methods),
    # The checks from here on read images, which takes long if there are many.
    *(
        (frozenset({name, "benchmark"}), partial(check_classes, images=name))
        for name in ("evaluated_images", "test_images", "train_images")
    ),
    *(
        (frozenset({name}), partial(check_finished, name=name))
        for name in (
            "latents",
            "modes",
            "drawn_groups",
            "group_features",
            "chosen_groups",
            "distilled_images",
            "fitted_test_images",
            "trainings",
            "radii_of_latents",
            "radii_of_pixels",
            "analysis",
        )
    ),
    (frozenset({"evaluated_images", "benchmark"}), check_made_here),
    (frozenset({"evaluated_images", "benchmark"}), check_readable),
    (frozenset({"evaluated_images", "benchmark"}), check_ipc_of_images),
    (frozenset({"evaluated_images", "benchmark", "params:export"}), check_cut),
    (frozenset({"evaluated_images", "params:redundancy"}), check_increments),
    (frozenset({"train_images", "test_images"}), warn_of_shared_images),
    (frozenset({"test_images", "benchmark"}), warn_of_other_split),
    (frozenset({"train_images", "params:modes"}), warn_of_small_classes),
    (
        frozenset({"train_images", "params:distillation", "params:method", "benchmark"}),
        check_real_images,
    ),
)
"""Pairs (inputs that a run must read for the check to apply, check); the slowest come last."""


def check_inputs(inputs: Inputs) -> None:
    """Run the checks that apply to the inputs of a run.

    Raises:
        ValueError: If something does not fit; the message is about the first problem.
        FileNotFoundError: If a file is missing; the message names the first one.
    """
    for needed, check in CHECKS:
        if all(name in inputs for name in needed):
            check(inputs)
