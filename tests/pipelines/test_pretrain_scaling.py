import pytest
import torch

from mgd3_kedro.pipelines.pretrain.latents import scaling_factor_of


@pytest.fixture
def unscaled():
    return 0.7 * torch.randn(8, 4, 8, 8)


def test_scaled_latents_have_a_standard_deviation_of_one(unscaled):
    scaled = unscaled * scaling_factor_of(unscaled)
    assert float(scaled.std()) == pytest.approx(1, abs=1e-3)


def test_last_bits_of_latents_change_nothing(unscaled):
    # As another processor may compute them.
    other = unscaled * (1 + 1e-7 * torch.randn_like(unscaled).sign())
    assert not torch.equal(other, unscaled)
    assert scaling_factor_of(other) == scaling_factor_of(unscaled)
