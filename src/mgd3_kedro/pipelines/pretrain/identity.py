"""What an interrupted training has to agree on to be taken up again."""

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
        function: What trains; other code starts anew.
        config: Its settings.
        images: wnid -> what it is trained on.
        more: What else it depends on.
    """
    contents = [partition.fingerprint for partition in images.values()]
    return repr((code_digest(function, config), config, contents, more))


def digest_of_model(model: Any) -> str:
    """Return the identity of a diffusers model: its configuration and every weight."""
    # What diffusers notes for itself is in an order that differs from process to process.
    settings = sorted(item for item in model.config.items() if not item[0].startswith("_"))
    digest = hashlib.sha256(repr(settings).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
