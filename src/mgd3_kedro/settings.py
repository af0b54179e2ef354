"""Kedro settings of the project."""

import os
from pathlib import Path

from kedro.utils import find_kedro_project

from mgd3_kedro.at_start import log_as_in, tell_interrupts, write_any_text
from mgd3_kedro.memory import disable_gc, keep_freed_memory

# Before the imports below, which take a second.
disable_gc()
tell_interrupts()
write_any_text()

from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.hooks import (
    MemoryHooks,
    PreflightHooks,
    ProjectPathHooks,
    RunPlacesHooks,
    TerminalHooks,
)
from mgd3_kedro.quiet_import import QuietImport
from mgd3_kedro.run_names import DEFAULT_ENV
from mgd3_kedro.store_hooks import StoreHooks
from mgd3_kedro.tracking.hooks import TrackingHooks

# Nothing leaves this machine: Kedro, Kedro-Viz, MLflow and diffusers all honour one of these.
for name in ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(name, "true")

# MLflow warns at every command, past filters, that a class of kedro-mlflow has no type hints. It is
# not imported here: that takes a second, and listing pipelines needs none of it.
QuietImport("kedro_mlflow.mlflow").install()

keep_freed_memory()
log_as_in(find_kedro_project(Path.cwd()) or Path.cwd())

TRACKING = TrackingHooks()
# Kedro calls hooks that are marked `tryfirst` from the last to the first: paths, store, checks,
# then tracking.
HOOKS = (
    *(TRACKING, PreflightHooks(), StoreHooks(), RunPlacesHooks()),
    *(TerminalHooks(TRACKING), ProjectPathHooks(), MemoryHooks()),
)
# `TrackingHooks` opens the MLflow run instead of kedro-mlflow.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry", "kedro_mlflow")
CONFIG_LOADER_CLASS = ProjectConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": DEFAULT_ENV,
    "config_patterns": {"mlflow": ["mlflow*"], "sweeps": ["sweeps*"], "best": ["best*"]},
}
