"""Identities of trainings; a checkpoint is resumed only by a training of the same identity."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from mgd3_kedro.fingerprint import code_digest
from mgd3_kedro.stages import Partition


def identity_of(
    function: Callable[..., Any], config: object, images: Mapping[str, Partition], *more: object
) -> str:
    """Return the identity of a training.

    Args:
        function: Function that trains; the identity includes a digest of its code.
        config: Configuration of the training.
        images: wnid -> training images.
        more: Other values that the training depends on.
    """
    contents = [partition.fingerprint for partition in images.values()]
    return repr((code_digest(function, config), config, contents, more))


def digest_of_model(model: Any) -> str:
    """Return the identity of a diffusers model: its configuration and every weight."""
    # Private entries of diffusers have an order that differs between processes.
    settings = sorted(item for item in model.config.items() if not item[0].startswith("_"))
    digest = hashlib.sha256(repr(settings).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
