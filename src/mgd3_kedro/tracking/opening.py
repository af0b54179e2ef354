"""Opening of the MLflow store of a session, and logging of runs that wait for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgd3_kedro.tracking.pending import FOLDER, Pending, find_pending
from mgd3_kedro.tracking.store import (
    answers,
    check_store,
    is_unreachable,
    make_store,
    one_at_a_time,
    without_password,
)

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext

logger = logging.getLogger(__name__)


def open_store(context: KedroContext, configure: Callable[[KedroContext], None]) -> bool:
    """Open the configured store.

    Args:
        context: Kedro context of the session.
        configure: Makes MLflow use the store, and creates the experiment.

    Returns:
        Whether the store answers; if not, a run continues without it.

    Raises:
        ValueError: If the store is a file that cannot be written.
    """
    uri = address_of(context)
    check_store(uri, context.project_path)
    if answers(uri):
        try:
            with one_at_a_time(uri, context.project_path):
                make_store(uri)
                configure(context)
            return True
        except Exception as error:
            if not is_unreachable(error):
                raise
    logger.warning("%s does not answer", without_password(uri))
    return False


def log_waiting(context: KedroContext, files: Sequence[Path] = ()) -> list[str]:
    """Log runs that were kept in files while their server did not answer.

    Args:
        context: Kedro context of a session whose store is open.
        files: Files of the runs; by default all files of the project for this store.

    Returns:
        Names of the logged runs. Runs that another process logs meanwhile are left out.

    Raises:
        ValueError: If the server still does not answer, or a file is not that of such a run.
    """
    import mlflow

    uri = address_of(context)
    store = without_password(uri)
    waiting = [*map(Pending, files)] or find_pending(context.project_path, store)
    if not waiting:
        return []
    if not answers(uri):
        raise ValueError(
            f"{store}: expected an answer of the MLflow server, got none; check that it runs"
        )
    loader: Any = context.config_loader
    name, logged = loader["mlflow"]["tracking"]["experiment"]["name"], []
    with one_at_a_time(uri, context.project_path):
        for pending in (one for one in waiting if one.path.exists()):
            experiment = mlflow.set_experiment(name).experiment_id
            logged.append(pending.deliver(mlflow.MlflowClient(), experiment))
            logger.info("%s is logged now at %s, from %s", logged[-1], store, pending.path.name)
    return logged


def log_in_passing(context: KedroContext) -> None:
    """Log runs that wait, as `log_waiting` does, but only warn of errors."""
    try:
        log_waiting(context)
    except Exception as error:  # any error: `kedro track` shows it in full
        reason = str(error).partition("\n")[0]
        logger.warning("runs in %s are not logged yet: %s", FOLDER, reason)


def address_of(context: KedroContext) -> str:
    """Return the address of the configured store."""
    loader: Any = context.config_loader
    return str(loader["mlflow"]["server"]["mlflow_tracking_uri"])
