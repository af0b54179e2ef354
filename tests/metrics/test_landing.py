import pandas as pd

from mgd3_kedro.metrics.landing import sum_up_landing


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
