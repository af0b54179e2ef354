import os
import subprocess
import sys

import pytest
import torch

from mgd3_kedro.backbones.batching import row_tile

PRODUCTS = """
import mgd3_kedro.devices
import torch

torch.manual_seed(0)
rows, linear = torch.randn(32, 96), torch.nn.Linear(96, 48)
alone = torch.cat([linear(part) for part in rows.split(16)])
print(torch.equal(alone, linear(rows)))
"""


def test_only_the_cpu_has_a_tile_of_rows():
    assert row_tile(torch.device("cpu")) == 16
    assert row_tile(torch.device("cuda")) == row_tile(torch.device("mps")) == 1


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="for MKL")
def test_a_tile_has_the_same_bits_whatever_is_beside_it_without_avx512_too():
    older = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    given = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    answer = subprocess.run(
        [sys.executable, "-c", PRODUCTS],
        env={**given, **older},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["True"]
