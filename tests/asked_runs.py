"""Runs of this project as they are asked for, without running anything."""

from pathlib import Path

from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.pipeline_registry import build_pipelines
from mgd3_kedro.preflight import warn_of_unread

ROOT = Path(__file__).resolve().parents[1]


def loader_of(env="mnist", given=None):
    """Return what configures a run that is given some parameters, nested."""
    return ProjectConfigLoader(
        str(ROOT / "conf"),
        env=env,
        base_env="base",
        default_run_env="mnist",
        runtime_params=given or {},
    )


def warn(given, pipelines, env="mnist"):
    """Warn of parameters that change nothing in a run of some pipelines."""
    loader = loader_of(env, given)
    known = build_pipelines(loader["parameters"])
    warn_of_unread(loader, set().union(*(known[name].datasets() for name in pipelines)))
