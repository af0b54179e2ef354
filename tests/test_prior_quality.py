import re

import pytest
from tiny_project import REPOSITORY

from mgd3_kedro.prior_quality import (
    Quality,
    describe_quality,
    read_quality,
    verdict_of,
    warn_of_poor_prior,
    write_quality,
)

GOOD = Quality(samples=80.0, reconstructed=74.0, real=75.0, near_copies=5.0, num_classes=10)


def test_a_good_prior_has_nothing_wrong_with_it():
    assert describe_quality(GOOD) == ()
    assert verdict_of(GOOD).startswith("good enough to distil with: 80 % of samples")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samples": 30.0}, "its samples are poor: 30 % of them are recognised, 75 % of real"),
        (
            {"reconstructed": 30.0},
            "its autoencoder loses the differences between classes: 30 % of test",
        ),
        ({"near_copies": 40.0}, "it copies its train images: 40 % of samples"),
        (
            {"real": 20.0},
            "its samples cannot be judged: .* recognises only 20 % of real test images",
        ),
        # By chance, half of two classes are named.
        ({"real": 60.0, "samples": 60.0, "num_classes": 2}, "its samples cannot be judged"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(change, said):
    (sentence,) = describe_quality(GOOD._replace(**change))
    assert re.match(said, sentence)
    assert re.search("; train (it|that network) ", sentence)
    assert verdict_of(GOOD._replace(**change)) == sentence


def test_all_that_is_wrong_is_said():
    assert len(describe_quality(Quality(12.0, 20.0, 75.0, 60.0, 10))) == 3


def test_chance_is_nothing_and_all_is_one():
    assert GOOD.above_chance(10.0) == GOOD.above_chance(3.0) == 0
    assert GOOD.above_chance(100.0) == 1
    assert GOOD.above_chance(55.0) == pytest.approx(0.5)
    assert GOOD._replace(num_classes=1).above_chance(100.0) == 0


def test_a_poor_prior_is_warned_of_where_it_draws(tmp_path, caplog):
    warn_of_poor_prior(tmp_path)
    (tmp_path / "quality.json").write_text(write_quality(GOOD))
    assert read_quality(tmp_path) == GOOD
    warn_of_poor_prior(tmp_path)
    assert not caplog.records
    (tmp_path / "quality.json").write_text(write_quality(GOOD._replace(samples=12.0)))
    warn_of_poor_prior(tmp_path)
    assert f"prior {tmp_path}: its samples are poor: 12 %" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"samples": 1}'])
def test_what_is_no_measurement_is_refused(content, tmp_path):
    (tmp_path / "quality.json").write_text(content)
    with pytest.raises(ValueError, match=r"quality\.json: expected numbers called samples, "):
        read_quality(tmp_path)


@pytest.mark.parametrize("name", ["mnist", "cifar10", "imagenette64", "imagenette64-small"])
def test_what_is_said_of_the_priors_is_on_their_cards(name):
    folder = REPOSITORY / "data/06_models" / name
    card, quality = (folder / "README.md").read_text(), read_quality(folder)
    told = {name: f"{value:.1f}" for name, value in quality._asdict().items()}
    assert f"- {told['samples']} % of 100 samples per class" in card
    known = f"names {told['real']} % of the real test images, and {told['reconstructed']} %"
    assert known in card
    assert f"{told['near_copies']} % of samples are nearer than 99 % of test images" in card
    assert not describe_quality(quality)
