"""What a row of a table of results says first."""

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
"""What identifies a training: the leading columns of every result row.

`split` is what was tested on, `image_size` the side of what the network sees, in pixels.
"""

SETTINGS = ("settings", "configuration")
"""What tells rows with the same run keys apart: what differs from the environment, as `name=value`
words, and a digest of all that they were made with but data, seeds and code; empty if not known."""

ACCURACIES = ("top1_last", "top1_best")
"""Top-1 accuracies of a training: after its last epoch, and of its best validation."""

ROW_COLUMNS = (*RUN_KEYS, *SETTINGS, "training_seed", *ACCURACIES, "code_version")
"""Columns every table of results starts with; accuracies in percent."""

FINISHED = "finished"
"""Outcome of a training that is over; any other says what went wrong."""
