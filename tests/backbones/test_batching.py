import torch

from mgd3_kedro.backbones.batching import row_tile


def test_only_the_cpu_has_a_tile_of_rows():
    assert row_tile(torch.device("cpu")) == 16
    assert row_tile(torch.device("cuda")) == row_tile(torch.device("mps")) == 1
