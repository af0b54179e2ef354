"""Stages that compute on a graphics card give the host what it is to keep."""

import pytest
import torch
from cards import NAME

from mgd3_kedro.metrics import AnalysisConfig
from mgd3_kedro.pipelines.analyze_diversity.features import SYNTHETIC_FEATURES, FeatureSettings
from mgd3_kedro.pipelines.analyze_diversity.nodes import Analysis, analyze_classes
from mgd3_kedro.pipelines.encode.flips import FLIPS
from mgd3_kedro.pipelines.encode.nodes import Encoding, EncodingConfig, encode_classes
from mgd3_kedro.stages import Task

ABOUT = {"class_index": 0, "class_name": "thing"}
IMAGES = torch.zeros(20, 3, 16, 16, dtype=torch.uint8)


@pytest.mark.parametrize("posterior", ["mean", "sample"])
@pytest.mark.parametrize("flip", FLIPS)
def test_a_class_is_encoded_on_a_card(posterior, flip, card, model_folder, make_autoencoding):
    task = Task({"images": IMAGES, "prior": model_folder}, ABOUT)
    config = EncodingConfig(posterior, flip, seed=0, keep="fp32", workers=0)
    made = encode_classes({"n0": task}, Encoding(make_autoencoding(device=NAME), config))["n0"]
    assert made.value["latents"].shape[1:] == (4, 8, 8)
    assert {value.device for value in made.value.values()} == {torch.device("cpu")}


@pytest.mark.parametrize("features", SYNTHETIC_FEATURES)
def test_a_class_is_analysed_on_a_card(features, card, model_folder, make_autoencoding):
    drawn = torch.randint(0, 256, (12, 3, 16, 16)).to(torch.uint8)
    real = {"latents": {"latents": torch.randn(12, 4, 8, 8)}, "pixels": drawn}[features]
    balls = {"radii": torch.ones(12, dtype=torch.float64)}
    inputs = {"images": drawn[:4], "real": real, "radii": balls, "prior": model_folder}
    task = Task(inputs, {**ABOUT, "has_plane": True})
    seeing = FeatureSettings(features, 16, make_autoencoding(device=NAME))
    settings = Analysis(seeing, AnalysisConfig(5.0, 0, 50, features=None, planes="drawn"))
    made = analyze_classes({"n0": task}, settings)["n0"]
    assert len(made.value["real"]) == 12
    assert len(made.value["synthetic"]) == 4
