"""Uploading to the Hugging Face hub, when it is asked for."""

from __future__ import annotations

import re
from pathlib import Path

from kedro.io import DatasetError

from mgd3_kedro.datasets.hub import HUB_ID


def check_upload(repository: str) -> None:
    """Refuse an upload that cannot begin.

    Args:
        repository: Id of a data set on the hub.

    Raises:
        ValueError: If it is no id, the hub is switched off, or nobody is logged in.
    """
    from huggingface_hub import constants, get_token

    if not re.fullmatch(HUB_ID, repository):
        raise ValueError(f"export.push: expected an id as me/my-set, got {repository!r}")
    if constants.HF_HUB_OFFLINE:
        raise ValueError(
            "export.push: expected the Hugging Face hub, which HF_HUB_OFFLINE=1 switches off; "
            "unset it, or leave push out"
        )
    if not get_token():
        raise ValueError(
            "export.push: expected a token of the Hugging Face hub, found none; log in with: "
            "hf auth login"
        )


def upload_folder(folder: Path, repository: str) -> None:
    """Make a folder the content of a data set on the hub, which is private if it is new.

    Args:
        folder: What is uploaded; other files of the data set are deleted in the same commit.
        repository: Id of the data set.

    Raises:
        DatasetError: If the hub refuses, or is not reached; the folder stays as it is.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    # What the client of the hub raises, whichever that is, is no OSError where no answer comes.
    failures: tuple[type[BaseException], ...] = (OSError, *HfHubHTTPError.__bases__)
    hub = HfApi()
    try:
        hub.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
        hub.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            commit_message="Set exported by mgd3_kedro",
            delete_patterns="*",
        )
    except failures as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DatasetError(
            f"export.push: {repository} could not be uploaded ({reason}); the set is in {folder}, "
            "run again to try again"
        ) from error
