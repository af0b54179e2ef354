"""Model folders in diffusers' format: check without loading, and load after the check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mgd3_kedro.backbones.settings import Placement
from mgd3_kedro.devices import PRECISIONS, resolve_device
from mgd3_kedro.network_ops import compile_parts
from mgd3_kedro.records import PICKLES

WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
CONFIG_FILE = "config.json"
FORMER_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names of attention layers in autoencoders saved by early diffusers -> names of today."""
LAYERS = ("num_layers", "layers_per_block", "num_hidden_layers")
"""Settings for the number of layers of a model; each layer has weights of its own."""


DENOISERS = ("unet", "transformer")
"""Folders of which every model that draws has one."""


def refuse_pickles(folder: Path) -> None:
    """Check that weights are not only there as a pickle: loading a pickle can run any code.

    Raises:
        ValueError: If they are; the message names the file and the command that converts it.
    """
    if any(folder.glob("*.safetensors")):
        return
    # An autoencoder may be a model of its own, not a part of one.
    is_part = any((folder.parent / name).exists() for name in DENOISERS)
    model = folder.parent if is_part else folder
    for path in sorted(folder.glob("*")):
        if path.suffix in PICKLES:
            raise ValueError(
                f"{path}: expected safetensors, got a pickle, which can run any code when it is "
                f"read; convert it with: kedro convert-model {model} TARGET"
            )


def check_component(model_class: type[Any], folder: Path) -> dict[str, Any]:
    """Compare a component's configuration with the shapes in its weights file, without loading it.

    Args:
        model_class: A diffusers model class.
        folder: Holds `config.json` and `diffusion_pytorch_model.safetensors`.

    Returns:
        The configuration.

    Raises:
        FileNotFoundError: If one of the two files is missing.
        ValueError: If a file cannot be read or is a pickle, or a parameter is missing, unexpected
            or of another shape.
    """
    return check_weights(
        folder, WEIGHTS_FILE, model_class.__name__, model_class.from_config, _present_name
    )


def check_weights(
    folder: Path,
    weights_file: str,
    kind: str,
    build: Callable[[dict[str, Any]], torch.nn.Module],
    present_name: Callable[[str], str | None],
) -> dict[str, Any]:
    """Compare the shapes in a weights file with those of the model that `config.json` describes.

    Without this check, libraries load the parameters that fit and only warn of the others, which
    then have random values.

    Args:
        folder: Holds the two files.
        weights_file: Name of the weights file.
        kind: What the model is called in messages.
        build: Makes the model from its configuration.
        present_name: Name of a parameter in the file -> its name today; None for parameters that
            models no longer keep. It is not called for names that the model has.

    Returns:
        The configuration.

    Raises:
        FileNotFoundError: If one of the two files is missing.
        ValueError: If a file cannot be read or is a pickle, or a parameter is missing, unexpected
            or of another shape.
    """
    refuse_pickles(folder)
    for name in (CONFIG_FILE, weights_file):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"expected {folder / name}, found no such file")
    place, shapes = folder / CONFIG_FILE, _read_shapes(folder / weights_file)
    config = _read_config(place, kind)
    _check_layers(config, len(shapes), folder / weights_file)
    try:
        with torch.device("meta"):
            expected = build(config).state_dict()
    except Exception as error:  # a constructor may fail in any way at settings it does not expect
        raise ValueError(f"{place}: not a {kind}: {error}") from error
    found = {
        known: shape
        for name, shape in shapes.items()
        if (known := name if name in expected else present_name(name))
    }
    for name, tensor in expected.items():
        if found.get(name) != tuple(tensor.shape):
            raise ValueError(
                f"{folder / weights_file}: expected {name} of shape {tuple(tensor.shape)} as "
                f"{CONFIG_FILE} says, got {found.get(name, 'none')}"
            )
    if unexpected := sorted(found.keys() - expected.keys()):
        raise ValueError(
            f"{folder / weights_file}: expected no parameter beyond those of {CONFIG_FILE}, "
            f"got {unexpected[0]} and {len(unexpected) - 1} more"
        )
    return config


def load_component(model_class: type[Any], folder: Path, placement: Placement) -> Any:
    """Load a checked component in eval mode, without gradients.

    Args:
        model_class: A diffusers model class.
        folder: Holds `config.json` and the weights.
        placement: Precision, device, and whether to compile.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration, or are a pickle.
    """
    check_component(model_class, folder)
    model = model_class.from_pretrained(
        folder,
        torch_dtype=PRECISIONS[placement.precision].dtype,
        use_safetensors=True,
        local_files_only=True,
        low_cpu_mem_usage=False,
    )
    model.to(resolve_device(placement.device)).eval().requires_grad_(False)
    if placement.compile:
        compile_parts(model)
    return model


def _read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file: {error}") from error


def _read_config(path: Path, kind: str) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):  # diffusers would take a text for a name on the hub
            raise ValueError(f"expected settings by name, got {config!r}")
    except ValueError as error:
        raise ValueError(f"{path}: not a {kind}: {error}") from error
    return config


def _check_layers(config: dict[str, Any], tensors: int, weights: Path) -> None:
    """Raise ValueError if there are more layers than tensors, before all layers are built."""
    for name in LAYERS:
        asked = config.get(name)
        if isinstance(asked, int) and asked > tensors:
            raise ValueError(
                f"{weights}: expected tensors for {asked} layers ({name} in {CONFIG_FILE}), "
                f"got {tensors} tensors"
            )


def _present_name(name: str) -> str:
    for former, present in FORMER_NAMES.items():
        name = name.replace(f".{former}.", f".{present}.")
    return name
