"""The reverse process of a diffusion model, and the guidance that steers it."""

from mgd3_kedro.sampling.batches import Batches, classes_at_once
from mgd3_kedro.sampling.candidates import choose_candidates
from mgd3_kedro.sampling.groups import GroupObjective, centre_of, choose_groups, score_groups
from mgd3_kedro.sampling.initial import INITIAL_LATENTS
from mgd3_kedro.sampling.learnability import choose_learnable, measure_learnability
from mgd3_kedro.sampling.sampler import denoise, image_generator
from mgd3_kedro.sampling.settings import SamplingConfig
from mgd3_kedro.sampling.survey import gather_facts, join_surveys, survey_class

__all__ = [
    "INITIAL_LATENTS",
    "Batches",
    "GroupObjective",
    "SamplingConfig",
    "centre_of",
    "choose_candidates",
    "choose_groups",
    "choose_learnable",
    "classes_at_once",
    "denoise",
    "gather_facts",
    "image_generator",
    "join_surveys",
    "measure_learnability",
    "score_groups",
    "survey_class",
]
