import pandas as pd
import torch

from mgd3_kedro.pipelines.guided_generate.landing import find_nearest_modes, sum_up_landing


def test_the_nearest_mode_is_found_by_latents_and_by_layout():
    modes = torch.zeros(2, 1, 8, 8)
    modes[0, 0, :, :4], modes[1, 0, :, 4:] = 1, 1
    detail = torch.tensor([3.0, -3]).repeat(8, 4)[None]
    image = modes[:1] + detail
    other = modes.clone()
    other[1] += detail
    assert find_nearest_modes(image, other) == [{"nearest_mode": 1, "nearest_mode_in_layout": 0}]


def test_images_at_their_own_modes_are_counted_and_the_modes_that_are_hit():
    rows = pd.DataFrame(
        {
            "wnid": ["a", "a", "a", "b"],
            "mode": [0, 1, 2, 0],
            "nearest_mode": [0, 0, 2, 1],
            "nearest_mode_in_layout": [0, 1, 2, 0],
        }
    )
    assert sum_up_landing(rows) == {
        "own_mode_rate": 0.5,
        "modes_hit": 1.5,
        "own_mode_rate_in_layout": 1.0,
        "modes_hit_in_layout": 2.0,
    }
    assert sum_up_landing(pd.DataFrame({"wnid": ["a"]})) == {}
