"""The store of a session: made once, reached or not, and given what waits for it."""

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
    told_address,
)

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext

logger = logging.getLogger(__name__)


def open_store(context: KedroContext, configure: Callable[[KedroContext], None]) -> bool:
    """Open the store that is configured.

    Args:
        context: Of the session.
        configure: Has MLflow use the store, and makes the experiment.

    Returns:
        Whether there is one that answers: work goes on without.

    Raises:
        ValueError: If it is a file that could not be written.
    """
    uri = address_of(context)
    check_store(uri)
    if answers(uri):
        try:
            with one_at_a_time(uri, context.project_path):
                make_store(uri)
                configure(context)
            return True
        except Exception as error:
            if not is_unreachable(error):
                raise
    logger.warning("%s does not answer", told_address(uri))
    return False


def log_waiting(context: KedroContext, files: Sequence[Path] = ()) -> list[str]:
    """Log runs that were kept while their server did not answer.

    Args:
        context: Of a session whose store is open.
        files: What they have left; all in the project that wait for this store if none is named.

    Returns:
        Their names. What another process logs meanwhile is left to it.

    Raises:
        ValueError: If there is no answer still, or a file is none of these.
    """
    import mlflow

    uri = address_of(context)
    store = told_address(uri)
    waiting = [*map(Pending, files)] or find_pending(context.project_path, store)
    if not waiting:
        return []
    if not answers(uri):
        raise ValueError(f"{store}: expected a server that answers; see to it")
    loader: Any = context.config_loader
    name, logged = loader["mlflow"]["tracking"]["experiment"]["name"], []
    with one_at_a_time(uri, context.project_path):
        for pending in (one for one in waiting if one.path.exists()):
            experiment = mlflow.set_experiment(name).experiment_id
            logged.append(pending.deliver(mlflow.MlflowClient(), experiment))
            logger.info("%s is logged now at %s, from %s", logged[-1], store, pending.path.name)
    return logged


def log_in_passing(context: KedroContext) -> None:
    """Log runs that wait, as `log_waiting` does; what keeps them from it keeps no run from work."""
    try:
        log_waiting(context)
    except Exception as error:  # whatever it is: kedro track tells it
        reason = str(error).partition("\n")[0]
        logger.warning("runs in %s are not logged yet: %s", FOLDER, reason)


def address_of(context: KedroContext) -> str:
    """Return the address of the store that is configured."""
    loader: Any = context.config_loader
    return str(loader["mlflow"]["server"]["mlflow_tracking_uri"])
