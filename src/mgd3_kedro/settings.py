"""Kedro settings of the project."""

import os
from pathlib import Path

from kedro.config import OmegaConfigLoader

from mgd3_kedro.hooks import PreflightHooks, SummaryHooks, TrackingHooks

# Nothing leaves this machine: Kedro, Kedro-Viz, MLflow and diffusers all honour one of these.
for name in ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(name, "true")

PROJECT_PATH = Path(__file__).resolve().parents[2]


def resolve_from_project(path: str) -> str:
    """Return an absolute path, so that nothing depends on the working directory."""
    return str(PROJECT_PATH / path)


HOOKS = (PreflightHooks(), TrackingHooks(), SummaryHooks())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "mnist",
    "merge_strategy": {"parameters": "soft", "globals": "soft"},
    "config_patterns": {"mlflow": ["mlflow*"]},
    "custom_resolvers": {"project": resolve_from_project},
}
