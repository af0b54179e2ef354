"""What every forked process would import and read anew: that is most of the time of a short run."""

import importlib
import logging
import os
import sys
from contextlib import chdir

from mutants.running import import_libraries

LIBRARIES = (
    *("alembic.command", "kedro.framework.cli.cli", "kedro_mlflow.mlflow", "kedro_viz"),
    *("mlflow.store.tracking.sqlalchemy_store", "mlflow.tracking.client", "kedro_datasets.pandas"),
    *("kedro_datasets.matplotlib", "kedro_datasets.plotly", "kedro_datasets.text"),
    *("kedro_mlflow.framework.hooks.mlflow_hook", "huggingface_hub", "filelock", "ray", "joblib"),
)
OWN = ("mgd3_kedro.cli", "mgd3_kedro.runs", "mgd3_kedro.pipeline_registry")


def warm_up(project):
    """Import libraries and the project, and read the configuration once; nothing is written.

    Args:
        project: Any; its configuration is that of all.
    """
    os.environ |= {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "true", "HF_HUB_OFFLINE": "1"}
    os.environ["KEDRO_LOGGING_CONFIG"] = str(project / "conf/logging.yml")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    import torch

    torch.set_num_threads(1)
    import_libraries()
    for name in (*LIBRARIES, *OWN):
        importlib.import_module(name)
    with chdir(project):
        _read_configuration(project)
    logging.getLogger("mgd3_kedro").setLevel(logging.INFO)


def _read_configuration(project):
    from kedro.framework.startup import bootstrap_project

    from mgd3_kedro import pipeline_registry
    from mgd3_kedro.datasets.embedded_digits import read_digits
    from mgd3_kedro.runs import _loader

    before = [*sys.path]
    bootstrap_project(project)
    sys.path[:] = before
    read_digits()
    loader = _loader(project, {})
    pipeline_registry.choose(loader["parameters"])
    pipeline_registry.register_pipelines()
    for kind in ("catalog", "mlflow"):
        loader[kind]
