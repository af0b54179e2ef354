"""Runs the commands that the pages print, as they stand there: `make docs-check`."""
