import itertools
import json
import math
from dataclasses import dataclass, fields

import numpy as np
import pytest
import torch

from mgd3_kedro.checks import check_choice, check_latents, check_range, lookup
from mgd3_kedro.randomness import seeded_generator
from mgd3_kedro.records import Benchmark, ClassSpec, LatentSet, ModeSet
from mgd3_kedro.stages import is_neutral, neutral


def make_class(label, wnid, class_index=0, class_name="a thing"):
    return ClassSpec(label, wnid, class_index, class_name)


def test_looking_up_a_known_name_returns_its_member():
    assert lookup({"one": 1, "two": 2}, "two", "number") == 2


def test_an_unknown_name_is_answered_with_all_known_ones_and_the_nearest():
    table = {"random": 1, "kmeans": 2, "dbscan": 3}
    with pytest.raises(ValueError, match="mode finder") as caught:
        lookup(table, "kmean", "mode finder")
    assert str(caught.value) == (
        "unknown mode finder 'kmean': expected one of dbscan, kmeans, random; "
        "did you mean 'kmeans'?"
    )


@pytest.mark.parametrize("name", ["xyz", "", None, 3])
def test_nothing_is_suggested_when_no_name_is_near(name):
    with pytest.raises(ValueError, match=r"expected one of dbscan, kmeans$"):
        lookup({"kmeans": 1, "dbscan": 2}, name, "mode finder")


def test_a_choice_outside_the_list_is_refused_with_the_list():
    check_choice("device", "cpu", ("auto", "cpu"))
    with pytest.raises(ValueError, match=r"^device: expected one of auto, cpu, got 'tpu'$"):
        check_choice("device", "tpu", ("auto", "cpu"))


@pytest.mark.parametrize("value", [1, 1.0, 2, 3, -0.0])
def test_a_number_of_the_interval_is_accepted(value):
    check_range("x", value, -0.0, 3)


@pytest.mark.parametrize(
    "value", [-0.001, 3.001, math.nan, math.inf, -math.inf, "1", None, True, [1], torch.ones(())]
)
def test_what_is_no_number_of_the_interval_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^ipc: expected a number in \[0, 3\], got "):
        check_range("ipc", value, 0, 3)


def test_an_open_end_excludes_only_itself():
    check_range("rate", 1e-30, 0, 1, low_open=True)
    with pytest.raises(ValueError, match=r"rate: expected a number in \(0, 1\], got 0$"):
        check_range("rate", 0, 0, 1, low_open=True)


def test_an_interval_without_ends_still_refuses_infinity():
    check_range("x", -1e300)
    with pytest.raises(ValueError, match=r"expected a number in \(-inf, inf\), got inf"):
        check_range("x", math.inf)
    with pytest.raises(ValueError, match=r"expected a number in \[1, inf\), got 0"):
        check_range("x", 0, 1)


def test_a_generator_is_a_function_of_its_key():
    first, second = seeded_generator(3, 1, 4), seeded_generator(3, 1, 4)
    torch.manual_seed(9)
    assert torch.equal(torch.randn(8, generator=first), torch.randn(8, generator=second))


def test_every_number_of_the_key_changes_the_generator():
    # No number may run into the next: 2**32 in one place is not 1 in another.
    numbers = [1, 2, 255, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**33, 2**40, 2**63]
    keys = [(0, 0, 0), (1, 2, 3), (3, 2, 1)]
    for place, number in itertools.product(range(3), numbers):
        keys.append((*[0] * place, number, *[0] * (2 - place)))
    draws = {tuple(torch.randn(4, generator=seeded_generator(*key)).tolist()) for key in keys}
    assert len(draws) == len(keys)


def test_generators_of_neighbouring_keys_are_uncorrelated():
    draws = torch.stack([torch.randn(4096, generator=seeded_generator(0, 0, i)) for i in range(8)])
    correlations = torch.corrcoef(draws) - torch.eye(8)
    # The standard deviation of a correlation of independent draws is 1 / 64.
    assert correlations.abs().max() < 5 / 64


def test_published_seeds_keep_their_meaning():
    draws = [torch.randint(10**6, (), generator=seeded_generator(0, 3, i)).item() for i in range(3)]
    states = [np.random.SeedSequence((0, 3, i)).generate_state(1)[0] for i in range(3)]
    expected = [torch.Generator().manual_seed(int(state)) for state in states]
    assert draws == [torch.randint(10**6, (), generator=each).item() for each in expected]


def test_a_negative_number_is_no_key():
    with pytest.raises(ValueError, match="non-negative"):
        seeded_generator(0, -1)


def test_only_fields_marked_so_are_neutral():
    @dataclass(frozen=True)
    class Settings:
        steps: int
        device: str = neutral()

    assert [(each.name, is_neutral(each)) for each in fields(Settings)] == [
        ("steps", False),
        ("device", True),
    ]
    assert Settings(3, "cpu").device == "cpu"


def test_a_benchmark_survives_the_way_through_json():
    classes = (make_class(0, "n02102040", 217, "springer"), make_class(1, "n01440764", 0, "tench"))
    benchmark = Benchmark("pair", 256, classes)
    assert Benchmark.from_dict(json.loads(json.dumps(benchmark.to_dict()))) == benchmark
    assert benchmark.wnids == ("n02102040", "n01440764")


def test_a_benchmark_keeps_the_order_of_labels_and_refuses_any_other():
    with pytest.raises(ValueError, match=r"benchmark 'b': expected labels 0..n-1.*\[1, 0\]"):
        Benchmark("b", 32, (make_class(1, "a"), make_class(0, "b")))
    with pytest.raises(ValueError, match=r"expected labels 0..n-1 in order, got \[1\]"):
        Benchmark("b", 32, (make_class(1, "a"),))
    with pytest.raises(ValueError, match="benchmark 'b': expected at least one class"):
        Benchmark("b", 32, ())
    with pytest.raises(ValueError, match=r"expected each folder once, got \['a'\] again"):
        Benchmark("b", 32, (make_class(0, "a"), make_class(1, "a")))


@pytest.mark.parametrize("shape", [(), (4,), (2, 4, 8), (0, 4, 8, 8), (1, 2, 4, 8, 8)])
def test_latents_of_another_shape_are_refused_at_birth(shape):
    with pytest.raises(ValueError, match=r"latents: expected shape \(N, C, H, W\) with N > 0"):
        LatentSet(torch.zeros(shape))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_latents_that_are_not_finite_are_counted_and_refused(value):
    latents = torch.zeros(5, 1, 2, 2)
    LatentSet(latents)
    latents[1, 0, 0, 0] = value
    latents[3] = value
    with pytest.raises(ValueError, match="latents: expected finite values, got 2 of 5 samples"):
        LatentSet(latents)
    with pytest.raises(ValueError, match=r"^x: .*2 of 5"):
        check_latents("x", latents)


def test_modes_count_their_members_and_leave_out_what_belongs_to_none():
    assignment = torch.tensor([2, 0, -1, 2, 2, -1])
    modes = ModeSet(torch.zeros(4, 1, 2, 2), assignment, torch.zeros(4).long(), 0.0)
    assert modes.member_counts.tolist() == [1, 0, 3, 0]


@pytest.mark.parametrize(
    ("modes", "assignment", "nearest_real", "message"),
    [
        ((3, 4), (5,), (3,), r"modes: expected shape \(N, C, H, W\)"),
        ((0, 1, 2, 2), (5,), (0,), r"modes: expected shape \(N, C, H, W\) with N > 0"),
        ((3, 1, 2, 2), (5, 1), (3,), r"assignment: expected shape \(N,\), got \(5, 1\)"),
        ((3, 1, 2, 2), (5,), (2,), r"nearest_real: expected shape \(3,\), got \(2,\)"),
        ((3, 1, 2, 2), (5,), (3, 1), r"nearest_real: expected shape \(3,\), got \(3, 1\)"),
    ],
)
def test_modes_whose_shapes_disagree_are_refused_at_birth(modes, assignment, nearest_real, message):
    with pytest.raises(ValueError, match=message):
        ModeSet(
            torch.zeros(modes), torch.zeros(assignment).long(), torch.zeros(nearest_real).long(), 0
        )


def test_modes_that_are_not_finite_are_refused_at_birth():
    modes = torch.full((2, 1, 2, 2), math.nan)
    with pytest.raises(ValueError, match="modes: expected finite values, got 2 of 2"):
        ModeSet(modes, torch.zeros(5).long(), torch.zeros(2).long(), 0.0)
