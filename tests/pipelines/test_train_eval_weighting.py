import pytest

from mgd3_kedro.pipelines.train_eval.weighting import weigh_images
from mgd3_kedro.stages import Partition


def images_of(*origins):
    """Return a class whose images stand for (mode, number of real images)."""
    rows = tuple({"mode": mode, "mode_member_count": count} for mode, count in origins)
    return Partition(list, "images", len(rows), rows=rows)


def test_an_image_counts_for_the_real_images_of_its_mode():
    classes = [images_of((0, 30), (1, 60), (2, 90)), images_of((0, 5), (1, 15))]
    assert weigh_images(classes, 1) == pytest.approx((0.5, 1, 1.5, 0.5, 1.5))
    root = [5**0.5, 15**0.5]
    assert weigh_images(classes[1:], 0.5) == pytest.approx([2 * mass / sum(root) for mass in root])


def test_images_of_one_mode_share_what_it_stands_for():
    weights = weigh_images([images_of((3, 40), (1, 20), (3, 40))], 1)
    assert weights == pytest.approx((1, 1, 1))


def test_all_count_alike_at_exponent_0_whatever_they_are():
    assert weigh_images([images_of((0, 30), (1, 60)), Partition(list, "foreign", 2)], 0) is None


@pytest.mark.parametrize("rows", [(), ({"file": "a.png"},), ({"coreset": "herding"},)])
def test_images_without_modes_are_refused(rows):
    with pytest.raises(
        ValueError, match=r"mode_weight_exponent: expected images .*without modes; set it to 0"
    ):
        weigh_images([Partition(list, "foreign", 1, rows=rows)], 1)
