from dataclasses import dataclass, fields

from mgd3_kedro.stages import (
    Partition,
    images_per_class,
    is_neutral,
    name_together,
    neutral,
    plain_settings,
)


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
    assert plain_settings(Settings(3, "cpu")) == {"steps": 3}


def test_images_per_class_are_those_asked_for_or_of_the_largest_class():
    found = [Partition(dict, str(count), count) for count in (3, 9, 5)]
    assert images_per_class(found) == 9
    asked = [Partition(dict, str(count), count, rows=({"ipc": 7},)) for count in (3, 9, 5)]
    assert images_per_class(asked) == 7


def test_partitions_together_have_a_name_for_each_order_and_content():
    first, second = Partition(dict, "x"), Partition(dict, "y")
    names = {name_together(of) for of in ([first], [first, second], [second, first])}
    assert len(names) == 3
    assert name_together([first, second]) == name_together([Partition(list, "x"), second])
