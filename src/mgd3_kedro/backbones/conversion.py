"""Conversion of models with pickled weights to folders with safetensors."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mgd3_kedro.backbones.conversion_ldm import REQUIRED, assemble_pipeline
from mgd3_kedro.backbones.latent_diffusion import check_latent_diffusion
from mgd3_kedro.backbones.pickles import read_pickle
from mgd3_kedro.durable import replacing_folder

PICKLED = re.compile(r"(diffusion_pytorch_model|pytorch_model)(-\d+-of-\d+)?\.bin")
SAFE_NAMES = {"diffusion_pytorch_model": "diffusion_pytorch_model", "pytorch_model": "model"}
"""Name of a weights file of diffusers or transformers: as a pickle -> as safetensors."""
SAFE = re.compile(r"(diffusion_pytorch_model|model)(-\d+-of-\d+)?\.safetensors(\.index\.json)?")
TEXTS = (".json", ".txt", ".model", ".md")
"""Configurations, vocabularies and licences."""
UNDERSTOOD = (
    "a folder in diffusers' format whose weights are diffusion_pytorch_model.bin or "
    "pytorch_model.bin, or a checkpoint of class-conditional latent diffusion (model.ckpt with "
    f"{', '.join(REQUIRED)})"
)


def refuse_existing(target: Path) -> None:
    """Check that the target of a conversion does not exist.

    Raises:
        ValueError: If it exists.
    """
    if target.exists():
        raise ValueError(
            f"{target}: expected a folder that does not exist yet, got an existing path; choose "
            "another"
        )


def convert_model(source: Path, target: Path) -> None:
    """Convert a model with pickled weights to a folder in diffusers' format with safetensors.

    No code from the pickles is run. The target folder appears only when it is complete.

    Args:
        source: A folder in diffusers' format, or an original checkpoint.
        target: A folder that does not exist.

    Raises:
        FileNotFoundError: If there is no such source.
        ValueError: If the target exists, the source is of a format that is not understood, or
            reading it would run code.
    """
    refuse_existing(target)
    if not source.exists():
        raise FileNotFoundError(f"expected {source}, found no such file or folder")
    with replacing_folder(target) as fresh:
        if source.is_dir():
            _convert_folder(source, fresh)
        else:
            _convert_checkpoint(source, fresh)


def _convert_checkpoint(source: Path, fresh: Path) -> None:
    content = read_pickle(source)
    weights = content.get("state_dict", content)
    if not isinstance(weights, Mapping) or not all(
        any(str(name).startswith(part) for name in weights) for part in REQUIRED
    ):
        raise ValueError(f"{source}: expected {UNDERSTOOD}; got {_some_names(weights)}")
    try:
        pipeline = assemble_pipeline(weights)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    with _plain_disk_errors():
        pipeline.save_pretrained(fresh, safe_serialization=True)
    check_latent_diffusion(fresh, ())


def _convert_folder(source: Path, fresh: Path) -> None:
    parts = [source, *sorted(path for path in source.glob("[!.]*") if path.is_dir())]
    if not sum(_convert_part(part, fresh / part.relative_to(source)) for part in parts):
        safe = any(SAFE.fullmatch(path.name) for part in parts for path in part.iterdir())
        found = "safetensors, which need no conversion" if safe else "no weights"
        raise ValueError(f"{source}: expected {UNDERSTOOD}; got a folder with {found}")


def _convert_part(part: Path, target: Path) -> int:
    """Copy or convert the files of a folder and return the number of weights converted."""
    files = sorted(path for path in part.iterdir() if path.is_file())
    safe = [path for path in files if SAFE.fullmatch(path.name)]
    texts = [
        path for path in files if path.suffix in TEXTS and not path.name.endswith(".index.json")
    ]
    pickles = defaultdict(list)
    for path in files if not safe else []:
        if match := PICKLED.fullmatch(path.name):
            pickles[SAFE_NAMES[match[1]]].append(path)
    if not safe and not pickles and (others := [path for path in files if path.suffix == ".bin"]):
        raise ValueError(
            f"{part}: expected weights named {' or '.join(f'{name}.bin' for name in SAFE_NAMES)}, "
            f"got {others[0].name}"
        )
    if safe or texts or pickles:
        target.mkdir(exist_ok=True)
    for path in [*safe, *texts]:
        shutil.copyfile(path, target / path.name)
    for name, pieces in pickles.items():
        _write_weights(pieces, target / f"{name}.safetensors")
    return len(pickles)


def _write_weights(pieces: list[Path], target: Path) -> None:
    from safetensors.torch import save_file

    weights: dict[str, torch.Tensor] = {}
    for piece in pieces:
        content = read_pickle(piece)
        for name, tensor in content.items():
            if not isinstance(tensor, torch.Tensor):
                raise ValueError(
                    f"{piece}: expected tensors by name, got a {type(tensor).__name__} at {name}"
                )
            # Safetensors stores neither strided tensors nor tensors that share memory.
            weights[name] = tensor.detach().clone(memory_format=torch.contiguous_format)
    with _plain_disk_errors():
        save_file(weights, target, metadata={"format": "pt"})


@contextmanager
def _plain_disk_errors() -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise OSError(f"the weights could not be written: {error}") from error


def _some_names(weights: Any) -> str:
    if not isinstance(weights, Mapping):
        return f"a {type(weights).__name__}"
    return f"{', '.join(map(str, list(weights)[:3]))} and {max(0, len(weights) - 3)} more"
