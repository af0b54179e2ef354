"""Library interface for distillation without a Kedro project: settings, a prior, images."""
