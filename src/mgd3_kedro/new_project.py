"""Creation of a project folder, in which `kedro run` works, from the files of the package."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path

from mgd3_kedro import __version__
from mgd3_kedro.shipped import shipped_folder

PARTS = ("conf", "data/01_raw/classes", "data/01_raw/published", "data/06_models/mnist")
"""Folders that are copied; the wheel contains the same."""
OWN = ("local", "__pycache__")
"""Folders of a developer's checkout that are not copied."""
FILES = {
    "pyproject.toml": """\
[tool.kedro]
package_name = "mgd3_kedro"
project_name = {quoted}
kedro_init_version = "{kedro}"
source_dir = "src"
""",
    "README.md": """\
# {name}

Made with mgd3_kedro {version}.

```
kedro run                                   # distils the embedded digits and evaluates them
kedro run --params method=unguided,ipc=50   # another method, more images
kedro run --env custom --params data=/path/to/my/images,model=/path/to/a/prior
kedro mlflow ui                             # all runs
```

`mgd3-kedro` has the same commands as `kedro`. Everything that can be set is in `conf/base`; the
other folders of `conf` say what differs for a benchmark. Results go below `data`.
""",
    ".gitignore": """\
.venv/
/build/
/data/*
!/data/01_raw/
/data/01_raw/*
!/data/01_raw/classes/
!/data/01_raw/published/
/conf/local/*
!/conf/local/.gitkeep
/mlartifacts/
mlflow.db*
.viz/
*.log
""",
    ".telemetry": "consent: false\n",
    "conf/local/.gitkeep": "",
    "src/.gitkeep": "",
}
"""File name -> template of its content."""


def make_project(folder: Path) -> None:
    """Make a folder with the configuration, the class tables and the digits' prior.

    Args:
        folder: New or empty folder.

    Raises:
        FileExistsError: If the folder is not empty, or is a file.
        FileNotFoundError: If the package lacks these files.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"{folder}: expected a new or an empty folder, got one with files in it"
        )
    source = shipped_folder()
    for part in PARTS:
        shutil.copytree(source / part, folder / part, ignore=shutil.ignore_patterns(*OWN))
    name = folder.resolve().name
    told = {
        "name": name,
        "quoted": json.dumps(name),  # a JSON string is a valid TOML string
        "version": __version__,
        "kedro": version("kedro"),
    }
    for file, text in FILES.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**told), encoding="utf-8")
