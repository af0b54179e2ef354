from dataclasses import dataclass, fields

from mgd3_kedro.stages import is_neutral, neutral, plain_settings


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
