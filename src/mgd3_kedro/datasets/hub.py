"""Location of a model: a folder, or a repository of the Hugging Face hub."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from kedro.io import DatasetError

from mgd3_kedro.priors import NOTES

logger = logging.getLogger(__name__)

HUB_ID = r"[\w-][\w.-]*/[\w-][\w.-]*"
FILES = [
    "model_index.json",
    *NOTES,
    "*/*.json",
    "*/*.txt",
    "*/diffusion_pytorch_model.safetensors",
    "*/model.safetensors",
]
"""Patterns of the files to download: configurations, notes, vocabularies and safetensors weights,
without variants and older formats of weights."""
AUTOENCODER_FILES = ["config.json", "diffusion_pytorch_model.safetensors"]
"""Files of an autoencoder that has a repository of its own."""
PICKLED_FILES = [
    *FILES,
    "*/diffusion_pytorch_model.bin",
    "*/diffusion_pytorch_model-*-of-*.bin",
    "*/pytorch_model.bin",
    "*/pytorch_model-*-of-*.bin",
]
"""The same patterns, and pickled weights, which are converted before they are used."""
UNUSED = ("safety_checker", "feature_extractor", "image_encoder")
"""Parts of a pipeline that sampling does not need."""


def find_model(
    model: str, root: Path, files: Sequence[str] = FILES, parameter: str | None = None
) -> Path:
    """Return the folder of a model; download the model if it is given by its hub id.

    If the environment variable HF_HUB_OFFLINE is set, only models that were downloaded before are
    found.

    Args:
        model: Path of a folder, or an id such as `facebook/DiT-XL-2-256`.
        root: Folder that a relative path starts from; the working directory is tried next.
        files: Patterns of the files to download.
        parameter: Name of the parameter that sets the model, for error messages; None if an
            argument of a command does.

    Raises:
        DatasetError: If an id cannot be found or downloaded.
    """
    for folder in (root / model, Path(model)):
        if folder.is_dir():
            return folder
    # The path of a project folder that does not exist yet also looks like an id.
    if (root / model).parent.is_dir() or not re.fullmatch(HUB_ID, model):
        return root / model
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        logger.info("looking for the model %s in the cache and on the hub", model)
        found = snapshot_download(
            model, allow_patterns=[*files], ignore_patterns=[f"{part}/*" for part in UNUSED]
        )
    except GatedRepoError as error:
        raise DatasetError(
            f"{model}: expected a model that anyone may download, but its licence must be accepted "
            f"on https://huggingface.co/{model} first; then log in with: hf auth login"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise DatasetError(
            f"expected the folder {model}, or a model of this id on the Hugging Face hub; "
            "found neither"
        ) from error
    except (LocalEntryNotFoundError, OSError) as error:
        raise DatasetError(
            f"expected the folder {model}, or a model of this id in the cache of the Hugging Face "
            f"hub; found neither, and could not download it ({_first_line(error)}). Run once with "
            f"a network and without HF_HUB_OFFLINE, or fetch it elsewhere with: "
            f"hf download {model} --local-dir FOLDER, and name the folder"
            + (f": --params {parameter}=FOLDER" if parameter else " instead of the id")
        ) from error
    return Path(found)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
