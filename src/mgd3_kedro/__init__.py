"""Mode-guided dataset distillation with diffusion models, as Kedro pipelines and as a library."""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_HOMES = {
    "Prior": "api.prior",
    "Settings": "api.settings",
    "denoise": "sampling",
    "find_modes": "modes",
    "load_autoencoder": "backbones",
    "load_backbone": "backbones",
    "read_images": "api.files",
    "save_images": "api.files",
}
"""Public name -> module that defines it; the module is imported when the name is first used."""
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
