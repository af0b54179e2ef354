import itertools

import pytest
import torch

from mgd3_kedro.sampling import GroupObjective, centre_of, choose_groups, score_groups
from mgd3_kedro.sampling import groups as module

CENTRES = torch.tensor(
    [[[1, 0], [0.8, 0.6]], [[0, 1], [0.6, 0.8]], [[-1, 0], [-0.6, 0.8]]], dtype=torch.float64
)
REAL = torch.tensor([[0.96, 0.28], [0.28, 0.96], [-0.8, 0.6]], dtype=torch.float64)
RELEASED = GroupObjective(alpha=0.4, beta=0.9, pair_weight=1)


def make_groups(seed, classes=6, groups=4, dimensions=3):
    """Return the centres of random groups and of random real images."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, groups, dimensions, generator=generator, dtype=torch.float64)
    real = torch.randn(classes, dimensions, generator=generator, dtype=torch.float64)
    return centres / centres.norm(dim=2, keepdim=True), real / real.norm(dim=1, keepdim=True)


def all_choices(centres):
    classes, groups = centres.shape[:2]
    return [torch.tensor(one) for one in itertools.product(range(groups), repeat=classes)]


def nearest(centres, real):
    return torch.einsum("cgd,cd->cg", centres, real).argmax(1)


def test_the_objective_has_the_values_that_were_worked_out_by_hand():
    for chosen, expected in (((0, 0, 0), 3.84269), ((1, 1, 1), 0.29401)):
        found = score_groups(CENTRES, REAL, torch.tensor(chosen), RELEASED)
        assert found == pytest.approx(expected, abs=1e-5)


def test_the_best_of_all_choices_is_found_where_it_is_known():
    scores = [score_groups(CENTRES, REAL, one, RELEASED) for one in all_choices(CENTRES)]
    assert max(scores) == scores[0]
    assert choose_groups(CENTRES, REAL, RELEASED).tolist() == [0, 0, 0]


def test_a_weight_of_pairs_is_a_factor_of_beta():
    halved = GroupObjective(0.4, 0.45, 1)
    weighed = GroupObjective(0.4, 0.9, 0.5)
    chosen = torch.tensor([1, 0, 1])
    found = score_groups(CENTRES, REAL, chosen, weighed)
    assert found == pytest.approx(score_groups(CENTRES, REAL, chosen, halved))
    assert found != pytest.approx(score_groups(CENTRES, REAL, chosen, RELEASED))


@pytest.mark.parametrize("seed", range(6))
def test_no_turn_makes_the_objective_less(seed, monkeypatch):
    centres, real = make_groups(seed)
    scores = [score_groups(centres, real, nearest(centres, real), RELEASED)]
    for sweeps in range(1, 6):
        monkeypatch.setattr(module, "SWEEPS", sweeps)
        scores.append(score_groups(centres, real, choose_groups(centres, real, RELEASED), RELEASED))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0]


@pytest.mark.parametrize("seed", range(6))
def test_no_other_group_of_a_single_class_would_be_better(seed):
    centres, real = make_groups(seed)
    chosen = choose_groups(centres, real, RELEASED)
    most = score_groups(centres, real, chosen, RELEASED)
    for place, group in itertools.product(range(6), range(4)):
        other = chosen.clone()
        other[place] = group
        assert score_groups(centres, real, other, RELEASED) <= most + 1e-9


def test_the_choice_is_nearly_the_best_of_all():
    for seed in range(6):
        centres, real = make_groups(seed)
        scores = sorted(score_groups(centres, real, one, RELEASED) for one in all_choices(centres))
        found = score_groups(centres, real, choose_groups(centres, real, RELEASED), RELEASED)
        assert found >= scores[int(0.98 * len(scores))]


@pytest.mark.parametrize("objective", [GroupObjective(0.4, 0, 1), GroupObjective(0.4, 0.9, 0)])
def test_without_an_eye_on_the_others_the_nearest_group_is_chosen(objective):
    centres, real = make_groups(0)
    chosen = choose_groups(centres, real, objective)
    assert chosen.tolist() == nearest(centres, real).tolist()
    assert chosen.tolist() != choose_groups(centres, real, RELEASED).tolist()


def test_the_only_class_has_the_nearest_group():
    centres, real = make_groups(1, classes=1)
    expected = nearest(centres, real).tolist()
    assert choose_groups(centres, real, RELEASED).tolist() == expected


@pytest.mark.parametrize("seed", range(4))
def test_a_group_that_is_there_twice_makes_nothing_worse(seed):
    centres, real = make_groups(seed)
    once = score_groups(centres, real, choose_groups(centres, real, RELEASED), RELEASED)
    for group in range(4):
        doubled = torch.cat([centres, centres[:, [group]]], dim=1)
        chosen = choose_groups(doubled, real, RELEASED)
        assert score_groups(doubled, real, chosen, RELEASED) >= once - 1e-9
        assert chosen.max() < 4


@pytest.mark.parametrize("seed", range(6))
def test_classes_in_another_order_have_the_same_groups(seed):
    centres, real = make_groups(seed, classes=9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    chosen = choose_groups(centres, real, RELEASED)
    assert choose_groups(centres[order], real[order], RELEASED).tolist() == chosen[order].tolist()


def test_a_group_that_is_the_real_images_or_that_of_another_class_has_a_finite_score():
    centres = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    found = score_groups(centres, centres[:, 0], torch.tensor([0, 0]), RELEASED)
    # Of two distances of nothing to real images, and one to the other class.
    assert found == pytest.approx((2 * 0.4 - 0.9) * 13.81551, abs=1e-4)


def test_a_centre_is_a_direction_that_long_images_do_not_turn():
    features = torch.tensor([[3.0, 0.0], [0.0, 500.0]])
    assert centre_of(features).tolist() == pytest.approx([0.5**0.5] * 2)
    assert torch.equal(centre_of(features.view(2, 1, 1, 2)), centre_of(features))


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match=r"^features: expected finite values, got 1 of 2"):
        centre_of(torch.tensor([[1.0, 0.0], [torch.nan, 1.0]]))


@pytest.mark.parametrize("name", ["alpha", "beta", "pair_weight"])
def test_a_weight_below_nothing_is_refused_by_name(name):
    weights = {"alpha": 0.4, "beta": 0.9, "pair_weight": 1, name: -1}
    with pytest.raises(ValueError, match=f"^{name}: expected a number"):
        GroupObjective(**weights)
