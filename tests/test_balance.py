import pytest

from mgd3_kedro.balance import allot_images

UNLIKE = {"n1": 120, "n2": 7, "n3": 60, "n4": 13}


def test_all_classes_get_the_same_and_small_ones_what_they_have():
    assert allot_images(UNLIKE, 10, "equal") == {"n1": 10, "n2": 7, "n3": 10, "n4": 10}
    assert allot_images(UNLIKE, 7, "equal") == dict.fromkeys(UNLIKE, 7)


def test_shares_are_in_proportion_and_ipc_on_average():
    assert allot_images(UNLIKE, 10, "share") == {"n1": 24, "n2": 1, "n3": 12, "n4": 3}
    assert allot_images({"n1": 50, "n2": 50}, 10, "share") == {"n1": 10, "n2": 10}


def test_the_smallest_class_has_one_image_however_small_its_share():
    assert allot_images({"n1": 10_000, "n2": 1, "n3": 2}, 5, "share") == {
        "n1": 13,
        "n2": 1,
        "n3": 1,
    }


@pytest.mark.parametrize("ipc", range(1, 60))
def test_no_class_has_fewer_for_a_larger_ipc_and_their_sum_is_what_was_asked_for(ipc):
    smaller, larger = (allot_images(UNLIKE, number, "share") for number in (ipc, ipc + 1))
    assert sum(smaller.values()) == min(4 * ipc, sum(UNLIKE.values()))
    assert all(smaller[wnid] <= larger[wnid] <= UNLIKE[wnid] for wnid in UNLIKE)


def test_what_a_full_class_cannot_take_goes_to_the_others():
    assert allot_images({"n1": 8, "n2": 9, "n3": 400}, 3, "share", real_each=4) == {
        "n1": 1,
        "n2": 1,
        "n3": 7,
    }
    assert allot_images({"n1": 9, "n2": 9}, 5, "share", real_each=4) == {"n1": 2, "n2": 2}


@pytest.mark.parametrize(("balance", "largest"), [("equal", 6), ("share", 10)])
def test_images_that_are_made_of_several_need_so_many(balance, largest):
    found = allot_images({"n1": 40, "n2": 11, "n3": 4}, 6, balance, real_each=4)
    assert found == {"n1": largest, "n2": 2, "n3": 1}


def test_an_unknown_balance_is_refused():
    with pytest.raises(ValueError, match="unknown balance 'fair': expected one of equal, share"):
        allot_images(UNLIKE, 10, "fair")
