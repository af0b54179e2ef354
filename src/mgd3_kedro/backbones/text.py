"""Text encoder: prompts to the embeddings that condition a text-to-image model."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from mgd3_kedro.backbones.settings import Placement
from mgd3_kedro.backbones.weights import CONFIG_FILE, check_weights
from mgd3_kedro.devices import PRECISIONS, Precision, matmul_precision, resolve_device

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizer

logger = logging.getLogger(__name__)

WEIGHTS_FILE = "model.safetensors"
VOCABULARIES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
"""Files that a tokenizer is read from: all of the first tuple, or all of the second."""
PREFIX = "text_model."
"""Prefix of parameter names that some versions of transformers and some files have."""
FORMER_BUFFER = "embeddings.position_ids"


@dataclass(frozen=True, eq=False)
class PromptEncoder:
    """A text encoder that keeps the embeddings of every prompt.

    Args:
        tokenizer: Cuts a text into tokens.
        text_encoder: Turns tokens into embeddings of length D; in eval mode.
        precision: Number format of the text encoder.

    Source: latent diffusion (arXiv 2112.10752), section 3.3; CLIP (arXiv 2103.00020).
    """

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    precision: Precision
    _known: dict[str, torch.Tensor] = field(default_factory=dict, init=False, repr=False)

    @property
    def max_tokens(self) -> int:
        """Length L of an encoded prompt in tokens, including those of its start and end."""
        # A tokenizer without a limit has a huge number here.
        return min(
            int(self.tokenizer.model_max_length),
            int(self.text_encoder.config.max_position_embeddings),
        )

    def encode(self, prompt: str) -> torch.Tensor:
        """Return the embeddings of a prompt, (1, L, D), on the encoder's device.

        Each prompt is encoded alone, so that its embeddings do not depend on other prompts.
        """
        if prompt not in self._known:
            self._known[prompt] = self._encode(prompt)
        return self._known[prompt]

    @torch.no_grad()
    def _encode(self, prompt: str) -> torch.Tensor:
        tokens = self.tokenizer(
            prompt,
            padding="max_length",
            max_length=self.max_tokens,
            truncation=True,
            return_tensors="pt",
        ).to(self.text_encoder.device)
        self._warn_of_cut(prompt)
        # The published models were trained without a mask on the padding.
        masked = getattr(self.text_encoder.config, "use_attention_mask", False)
        mask = tokens.attention_mask if masked else None
        with matmul_precision(self.precision):
            embeddings: torch.Tensor = self.text_encoder(tokens.input_ids, attention_mask=mask)[0]
        return embeddings

    def _warn_of_cut(self, prompt: str) -> None:
        tokens = self.tokenizer(prompt, verbose=False).input_ids
        if cut := tokens[self.max_tokens - 1 : -1]:
            logger.warning(
                "the prompt %r has %d tokens, of which the text encoder reads %d; cut off: %r",
                *(prompt, len(tokens), self.max_tokens, self.tokenizer.decode(cut)),
            )


def check_prompt_encoder(folder: Path) -> int:
    """Check `text_encoder` and `tokenizer` of a pipeline without loading weights.

    Args:
        folder: Of the pipeline.

    Returns:
        Length D of an embedding.

    Raises:
        ModuleNotFoundError: If transformers is not installed.
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration, or the tokenizer cannot be read or
            has tokens that the text encoder does not know.
    """
    clip = _clip(folder)
    part = folder / "text_encoder"
    values = check_weights(
        part,
        WEIGHTS_FILE,
        clip.model.__name__,
        lambda values: _layers(clip.model(clip.config.from_dict(values))),
        _present_name,
    )
    config = clip.config.from_dict(values)
    tokens = len(_read_tokenizer(clip, folder / "tokenizer"))
    if tokens > config.vocab_size:
        raise ValueError(
            f"{folder / 'tokenizer'}: expected no more tokens than vocab_size, "
            f"{config.vocab_size}, in {part / CONFIG_FILE}, got {tokens}; take both from one model"
        )
    return int(config.hidden_size)


def load_prompt_encoder(folder: Path, placement: Placement) -> PromptEncoder:
    """Load `text_encoder` and `tokenizer` of a pipeline.

    Args:
        folder: Of the pipeline.
        placement: Precision and device; it runs once per prompt, so it is never compiled.

    Raises:
        ModuleNotFoundError: If transformers is not installed.
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration, or the tokenizer cannot be read or
            has tokens that the text encoder does not know.
    """
    from safetensors.torch import load_file

    check_prompt_encoder(folder)
    clip = _clip(folder)
    part = folder / "text_encoder"
    model = clip.model(
        clip.config.from_dict(json.loads((part / CONFIG_FILE).read_text(encoding="utf-8")))
    )
    weights = load_file(part / WEIGHTS_FILE)
    named = {known: tensor for name, tensor in weights.items() if (known := _present_name(name))}
    _layers(model).load_state_dict(named)
    precision = PRECISIONS[placement.precision]
    model.to(resolve_device(placement.device), precision.dtype).eval().requires_grad_(False)
    return PromptEncoder(_read_tokenizer(clip, folder / "tokenizer"), model, precision)


class _Clip(NamedTuple):
    config: Any
    model: Any
    tokenizer: Any


def _clip(folder: Path) -> _Clip:
    try:
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{folder}: expected the package transformers, which reads the prompts of "
            f"text-to-image models, got: {error}; install it with: pip install 'mgd3_kedro[text]'"
        ) from error
    return _Clip(CLIPTextConfig, CLIPTextModel, CLIPTokenizer)


def _read_tokenizer(clip: _Clip, folder: Path) -> CLIPTokenizer:
    # Without these files, transformers would silently make a tokenizer of three tokens.
    if not any(all((folder / name).is_file() for name in names) for names in VOCABULARIES):
        kinds = " or ".join(" and ".join(names) for names in VOCABULARIES)
        raise FileNotFoundError(f"expected {kinds} in {folder}, found neither")
    try:
        return clip.tokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # a broken file may make it fail in any way
        raise ValueError(f"{folder}: not a {clip.tokenizer.__name__}: {error}") from error


def _layers(model: torch.nn.Module) -> torch.nn.Module:
    # Before its version 5, transformers wrapped them in one more module.
    wrapped: torch.nn.Module = getattr(model, "text_model", model)
    return wrapped


def _present_name(name: str) -> str | None:
    bare = name.removeprefix(PREFIX)
    return None if bare == FORMER_BUFFER else bare
