"""Model folders in diffusers' format: checked without loading, loaded without guessing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
CONFIG_FILE = "config.json"
FORMER_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Layers of attention in autoencoders saved by early diffusers; loading renames them."""


def check_component(model_class: type[Any], folder: Path) -> dict[str, Any]:
    """Compare a component's configuration with the shapes in its weights file, loading neither.

    Args:
        model_class: A diffusers model class.
        folder: Holds `config.json` and `diffusion_pytorch_model.safetensors`.

    Returns:
        The configuration.

    Raises:
        FileNotFoundError: If one of the two files is missing.
        ValueError: If a file cannot be read, or a parameter is missing, unexpected or of another
            shape.

    Source: ours.
    """
    from safetensors import SafetensorError, safe_open

    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"expected {folder / name}, found no such file")
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG_FILE).read_text())
        if not isinstance(config, dict):  # diffusers would take a text for a name on the hub
            raise ValueError(f"expected settings by name, got {config!r}")
        with torch.device("meta"):
            expected = model_class.from_config(config).state_dict()
    except Exception as error:  # a constructor may fail in any way at settings it does not expect
        raise ValueError(
            f"{folder / CONFIG_FILE}: not a {model_class.__name__}: {error}"
        ) from error
    try:
        with safe_open(folder / WEIGHTS_FILE, framework="pt") as file:
            found = {
                name if name in expected else _present_name(name): tuple(
                    file.get_slice(name).get_shape()
                )
                for name in file.keys()  # noqa: SIM118
            }
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS_FILE}: not a safetensors file: {error}") from error
    for name, tensor in expected.items():
        if found.get(name) != tuple(tensor.shape):
            raise ValueError(
                f"{folder / WEIGHTS_FILE}: expected {name} of shape {tuple(tensor.shape)} as "
                f"{CONFIG_FILE} says, got {found.get(name, 'none')}"
            )
    if unexpected := sorted(found.keys() - expected.keys()):
        raise ValueError(
            f"{folder / WEIGHTS_FILE}: expected no parameter beyond those of {CONFIG_FILE}, "
            f"got {unexpected[0]} and {len(unexpected) - 1} more"
        )
    return config


def load_component(model_class: type[Any], folder: Path, device: torch.device) -> Any:
    """Load a checked component in float32, in eval mode, without gradients.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration.

    Source: ours.
    """
    check_component(model_class, folder)
    model = model_class.from_pretrained(
        folder,
        torch_dtype=torch.float32,
        use_safetensors=True,
        local_files_only=True,
        low_cpu_mem_usage=False,
    )
    return model.to(device).eval().requires_grad_(False)


def _present_name(name: str) -> str:
    for former, present in FORMER_NAMES.items():
        name = name.replace(f".{former}.", f".{present}.")
    return name
