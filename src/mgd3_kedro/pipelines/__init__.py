"""The stages: each joins library functions to catalog entries."""
