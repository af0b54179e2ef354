import torch

from mgd3_kedro.pipelines.guided_generate.landing import find_nearest_modes


def test_the_nearest_mode_is_found_by_latents_and_by_layout():
    modes = torch.zeros(2, 1, 8, 8)
    modes[0, 0, :, :4], modes[1, 0, :, 4:] = 1, 1
    detail = torch.tensor([3.0, -3]).repeat(8, 4)[None]
    image = modes[:1] + detail
    other = modes.clone()
    other[1] += detail
    assert find_nearest_modes(image, other) == [{"nearest_mode": 1, "nearest_mode_in_layout": 0}]
