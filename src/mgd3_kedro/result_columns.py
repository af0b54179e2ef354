"""Leading columns of result tables."""

RUN_KEYS = (
    "benchmark",
    "split",
    "image_size",
    "ipc",
    "method",
    "backbone",
    "network",
    "protocol",
    "preset",
    "seed",
)
"""Columns that identify a training, the first ones of every result row.

`split` is the split that was tested on. `image_size` is the side of the images that the network
sees, in pixels.
"""

SETTINGS = ("settings", "configuration")
"""Columns that distinguish rows with the same run keys: the settings that differ from the
environment, as `name=value` words, and a digest of the whole configuration without data, seeds and
code; empty if unknown."""

ACCURACIES = ("top1_last", "top1_best")
"""Top-1 accuracies of a training: after its last epoch, and of its best validation."""

ROW_COLUMNS = (*RUN_KEYS, *SETTINGS, "training_seed", *ACCURACIES, "code_version")
"""Columns every table of results starts with; accuracies in percent."""

FINISHED = "finished"
"""Outcome of a finished training; any other outcome says what went wrong."""
