"""Kedro settings of the project."""

import os
import warnings
from importlib import import_module
from pathlib import Path

from kedro.utils import find_kedro_project

from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.hooks import (
    PreflightHooks,
    ProjectPathHooks,
    RunPlacesHooks,
    SummaryHooks,
    TrackingHooks,
    resolve_from,
)
from mgd3_kedro.memory import keep_freed_memory

# Nothing leaves this machine: Kedro, Kedro-Viz, MLflow and diffusers all honour one of these.
for name in ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(name, "true")

# MLflow warns at every command, past filters, that a class of kedro-mlflow has no type hints.
with warnings.catch_warnings(record=True):
    import_module("kedro_mlflow.mlflow")

keep_freed_memory()
# Kedro-Viz reads the configuration without the hooks.
resolve_from(find_kedro_project(Path.cwd()) or Path.cwd())

# Hooks that are to come first do so from the last to the first: paths, checks, then tracking.
HOOKS = (
    *(TrackingHooks(), PreflightHooks(), RunPlacesHooks()),
    *(SummaryHooks(), ProjectPathHooks()),
)
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_CLASS = ProjectConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "mnist",
    "config_patterns": {"mlflow": ["mlflow*"], "sweeps": ["sweeps*"]},
}
