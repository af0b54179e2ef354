"""Upload of an exported set to the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from kedro.io import DatasetError

from mgd3_kedro.datasets.hub import HUB_ID


def check_upload(repository: str) -> None:
    """Check that an upload can start.

    Args:
        repository: Id of a data set on the hub.

    Raises:
        ValueError: If the id is not valid, the hub is switched off, or nobody is logged in.
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
    """Upload a folder as the content of a data set on the hub; a new data set is private.

    Args:
        folder: Folder to upload; other files of the data set are deleted in the same commit.
        repository: Id of the data set.

    Raises:
        DatasetError: If the hub refuses or cannot be reached; the local folder is kept.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    # Without an answer, the hub's client raises an error of its HTTP library, which may not be an
    # OSError.
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
