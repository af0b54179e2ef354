import os
import subprocess
import sys

import pytest
import torch
from diffusers import AutoencoderKL

from mgd3_kedro.pipelines.pretrain.identity import digest_of_model

PRINT_DIGEST = """
import torch
from diffusers import AutoencoderKL
from mgd3_kedro.pipelines.pretrain.identity import digest_of_model
torch.manual_seed(0)
print(digest_of_model(AutoencoderKL(block_out_channels=(4,), norm_num_groups=2)))
"""


@pytest.fixture
def vae():
    return AutoencoderKL(block_out_channels=(4,), norm_num_groups=2)


@pytest.mark.slow
def test_a_model_is_the_same_in_every_process(vae):
    found = {
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    assert found == {digest_of_model(vae)}


def test_another_setting_or_another_weight_is_another_model(vae):
    before = digest_of_model(vae)
    vae.register_to_config(scaling_factor=0.25)
    between = digest_of_model(vae)
    with torch.no_grad():
        next(vae.parameters()).view(-1)[0] += 1e-3
    assert len({before, between, digest_of_model(vae)}) == 3
