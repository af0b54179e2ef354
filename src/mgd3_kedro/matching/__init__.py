"""Other methods: crops of real images, pixels found by gradient descent, fine-tuning."""

from __future__ import annotations

from mgd3_kedro.matching.dm import DmConfig, match_distribution
from mgd3_kedro.matching.idc import decode, match_gradients
from mgd3_kedro.matching.idc_settings import IdcConfig
from mgd3_kedro.matching.minimax import fine_tune
from mgd3_kedro.matching.minimax_settings import MinimaxConfig
from mgd3_kedro.matching.pixels import OptimisedImages
from mgd3_kedro.matching.rded import CroppedImages, RdedConfig, cut_crops
from mgd3_kedro.matching.sre2l import Sre2lConfig, invert_teacher

__all__ = [
    "CroppedImages",
    "DmConfig",
    "IdcConfig",
    "MinimaxConfig",
    "OptimisedImages",
    "RdedConfig",
    "Sre2lConfig",
    "cut_crops",
    "decode",
    "fine_tune",
    "invert_teacher",
    "match_distribution",
    "match_gradients",
]
