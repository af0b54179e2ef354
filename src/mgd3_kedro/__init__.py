"""Mode-guided dataset distillation with diffusion models, as Kedro pipelines."""

__version__ = "0.1.0"
