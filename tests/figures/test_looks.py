import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from mgd3_kedro.figures.looks import LOOKS, METHODS, pick_look, pick_method_looks
from mgd3_kedro.figures.style import COLOURS


def test_a_method_looks_the_same_beside_any_others():
    alone = {method: pick_method_looks([method])[method] for method in METHODS}
    assert pick_method_looks(METHODS) == alone
    assert pick_method_looks(reversed(METHODS)) == alone
    assert len(set(alone.values())) == len(METHODS)


def test_looks_come_in_the_order_of_the_methods_each_once():
    assert list(pick_method_looks(["d4m", "mine", "mgd3", "mine"])) == ["d4m", "mine", "mgd3"]


@pytest.mark.parametrize("others", [["yours"], ["mgd3", "yours"], ["unguided", "d4m", "random"]])
def test_an_unknown_method_keeps_clear_of_the_colours_of_others_in_any_order(others):
    methods = [*others, "mine"]
    looks = pick_method_looks(methods)
    assert len({look.colour for look in looks.values()}) == len(methods)
    assert pick_method_looks(methods[::-1]) == looks
    assert {name: pick_method_looks(others)[name] for name in others if name in METHODS} == {
        name: looks[name] for name in others if name in METHODS
    }


def test_unknown_methods_keep_clear_of_each_other_whatever_they_are_called():
    for names in itertools.combinations([f"method {place}" for place in range(14)], 3):
        looks = pick_method_looks(["mgd3", *names])
        assert len({look.colour for look in looks.values()}) == 4
        assert pick_method_looks([*names[::-1], "mgd3"]) == looks


def test_no_two_of_forty_nine_look_alike_and_the_first_seven_differ_in_colour():
    looks = [pick_look(place) for place in range(LOOKS)]
    assert len({(look.colour, look.marker) for look in looks}) == LOOKS == 49
    assert len({(look.colour, look.symbol) for look in looks}) == LOOKS
    assert [look.colour for look in looks[:7]] == list(COLOURS)
    assert len(pick_method_looks(f"method {i}" for i in range(60))) == 60


# Machado, Oliveira and Fernandes 2009, severity 1, for linear RGB.
DEFICIENCIES = {
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_stay_apart_for_the_colour_blind(deficiency):
    rgb = np.array([to_rgb(colour) for colour in COLOURS])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(DEFICIENCIES[deficiency]).T, 0, 1) ** (1 / 2.2)
    distances = [np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)]
    # Pure red and the green of the same lightness would be 0.1 apart or less.
    assert min(distances) > 0.15
