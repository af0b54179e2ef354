import pytest
import torch

from mgd3_kedro.training.batches import draw_flips

CPU = torch.device("cpu")


def test_nothing_is_drawn_where_nothing_is_mirrored():
    source = torch.Generator().manual_seed(3)
    before = source.get_state()
    assert draw_flips(8, 0.0, source, CPU) is None
    assert torch.equal(source.get_state(), before)


@pytest.mark.parametrize("probability", [0.1, 0.5, 1.0])
def test_samples_are_mirrored_as_often_as_asked_each_by_its_own_coin(probability):
    source = torch.Generator().manual_seed(3)
    flips = torch.stack([draw_flips(100, probability, source, CPU) for _ in range(50)])
    assert flips.dtype == torch.bool
    # 5000 coins: five standard deviations.
    deviation = (probability * (1 - probability) / 5000) ** 0.5
    assert flips.float().mean().item() == pytest.approx(probability, abs=5 * deviation)
    assert probability == 1 or len({tuple(row.tolist()) for row in flips}) == 50


def test_flips_follow_their_generator_alone():
    torch.manual_seed(1)
    first = draw_flips(64, 0.5, torch.Generator().manual_seed(9), CPU)
    torch.manual_seed(2)
    assert torch.equal(draw_flips(64, 0.5, torch.Generator().manual_seed(9), CPU), first)
    assert not torch.equal(draw_flips(64, 0.5, torch.Generator().manual_seed(8), CPU), first)
