"""Distillation without a Kedro project: settings with their defaults, a prior, images."""
