"""The reverse process and what steers it."""

from mgd3_kedro.sampling.batches import Batches
from mgd3_kedro.sampling.initial import INITIAL_LATENTS
from mgd3_kedro.sampling.sampler import denoise, image_generator
from mgd3_kedro.sampling.settings import SamplingConfig

__all__ = ["INITIAL_LATENTS", "Batches", "SamplingConfig", "denoise", "image_generator"]
