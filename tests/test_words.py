import copy
import hashlib
import itertools
import re
from pathlib import Path

import pytest

from mgd3_kedro.words import as_words, folder_words


def short(text, digits=6):
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mode_finder", "dbscan", "mode_finder=dbscan"),
        ("label", "-0.30", "label=-0.30"),
        ("label", "1", "label=1"),
        ("label", "a+b", "label=a+b"),
        ("strategy", "010", "strategy=010"),
        ("strategy", "", "strategy="),
        ("scale", 0.30, "scale=0.3"),
        ("scale", 1e-5, "scale=1e-05"),
        ("scale", -0.0, "scale=0"),
        ("scale", 10.0, "scale=10"),
        ("scale", 1e22, "scale=10000000000000000000000"),
        ("scale", float("-inf"), "scale=-inf"),
        ("scale", float("nan"), "scale=nan"),
        ("compile", True, "compile=true"),
        ("compile", False, "compile=false"),
        ("model", None, "model=null"),
        ("networks", ["convnet3", "vit"], "networks=convnet3+vit"),
        ("networks", ["vit"], "networks=vit"),
        ("weights", [0.5, 1.0, None, True], "weights=0.5+1+null+true"),
        ("prompt", "a {x}, b", f"prompt=a--x---b~{short('a {x}, b')}"),
        ("prompt", "größe", f"prompt=gr--e~{short('größe')}"),
        ("model", "data/06_models/x", f"model=x~{short('data/06_models/x')}"),
        ("model", Path("/y/a b"), f"model=a-b~{short('/y/a b')}"),
        ("data", ".", f"data=~{short('.')}"),
        ("data", "x", f"data=x~{short('x')}"),
        ("strategy", "null", f"strategy=null~{short('null')}"),
        ("label", "null", f"label=null~{short('null')}"),
        ("strategy", "true", f"strategy=true~{short('true')}"),
        ("strategy", "0.3", f"strategy=0.3~{short('0.3')}"),
        ("networks", [], f"networks=~{short(chr(0) + '[]')}"),
        ("groups", {}, f"groups=--~{short(chr(0) + '{}')}"),
    ],
)
def test_a_setting_is_told_in_words(name, value, expected):
    assert as_words(name, value) == expected


ODD = [
    *(None, True, False, 0, 1, -1, 2, 10, 0.1, 0.3, 0.1 + 0.2, 1e-5, 1e16, 10**16 + 1, 1e300),
    *(float("inf"), float("-inf"), 10**70, 10**70 + 1, "null", "None", "true", "True", "false"),
    *("0", "1", "-1", "0.3", "0.30", "1e-05", "1e-5", "010", "inf", "nan", "", " ", "  ", "\t"),
    *("a", "A", "a ", " a", "a-", "a b", "a,b", "a/b", "a\\b", "a-b", "a_b", "a+b", "a++b", "+"),
    *("a~b", "a=b", "~", ".", "..", "-", "é", "e\u0301", "e", "画", "画像", "\n", "\0", "\udcff"),
    *("x" * 40, "x" * 60, "x" * 61, "x" * 62, "x" * 200, "x" * 60 + " ", "[1]", "[]", "{}"),
    *([], [""], ["", ""], [1, 2], [12], ["1", "2"], [1, "2"], [1.5, 2], [[1, 2]], [[1], [2]]),
    *([[1, 2], 3], [1, [2, 3]], [1, 2, 3], [True, 1], [None, 1], ["null", 1], ["a", "b"]),
    *(["a+b", "c"], ["a", "b+c"], ["a", "b", "c"], ["a b", "c"], ["a", "b c"], ["a-b", "c"]),
    *({}, {"a": 1}, {"a": 2}, {"b": 1}, ["x" * 40] * 2, ["x" * 40] * 3, ["x" * 40, "x" * 41]),
]


@pytest.mark.parametrize("name", ["x", "label", "model", "n" * 50, "n" * 70])
def test_other_values_have_other_words(name):
    values = ODD if name != "label" else [one for one in ODD if isinstance(one, str | None)]
    words = [as_words(name, value) for value in values]
    same = [pair for pair in itertools.combinations(range(len(words)), 2)
            if words[pair[0]] == words[pair[1]]]  # fmt: skip
    assert [(values[one], values[other]) for one, other in same] == []


@pytest.mark.parametrize("name", ["x", "label", "model", "pretrain.autoencoder.given"])
@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_words_fit_the_name_of_a_folder(name, value):
    words = as_words(name, value)
    assert re.fullmatch(r"[A-Za-z0-9._+=~-]+", words)
    assert words.startswith(f"{name}=")
    assert len(words) <= 60
    assert as_words(name, copy.deepcopy(value)) == words


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (0, -0.0), (10**22, 1e22), ([1, 0.5], [1.0, 0.50]), ([1], (1,))]
)
def test_equal_values_have_the_same_words(one, other):
    assert as_words("x", one) == as_words("x", other)
    assert as_words("x", [[one]]) == as_words("x", [[other]])


def test_only_what_is_longer_than_sixty_signs_is_cut():
    assert as_words("label", "x" * 54) == f"label={'x' * 54}"
    assert as_words("label", "x" * 55) == f"label={'x' * 47}~{short('x' * 55)}"
    assert as_words("label", " " + "x" * 54) == f"label=-{'x' * 46}~{short(' ' + 'x' * 54)}"


def test_a_folder_is_named_after_settings():
    assert folder_words([]) == ""
    assert folder_words(["mode_finder=dbscan", "flip=random"]) == (
        ",mode_finder=dbscan,flip=random"
    )


def test_a_folder_tells_as_many_whole_words_as_fit():
    words = ["a=" + "x" * 38, "b=" + "y" * 38, "c=" + "z" * 37]
    assert folder_words(words, 122) == f",{words[0]},{words[1]},{words[2]}"
    for longest, told in [(121, 2), (92, 2), (91, 1), (51, 1), (50, 0), (10, 0)]:
        text = folder_words(words, longest)
        assert re.fullmatch("".join(f",{one}" for one in words[:told]) + ",~[0-9a-f]{8}", text)
        assert len(text) <= longest
        assert text != folder_words([*words[:2], "c=" + "z" * 36 + "_"], longest)


def test_folders_of_other_words_have_other_names():
    sets = [("a=1",), ("a=1", "b=2"), ("b=2", "a=1"), ("a=1,b=2x",), ("a=" + "1" * 90, "b=" * 60)]
    assert len({folder_words(words) for words in sets}) == len(sets)
    assert len(folder_words(["a=" + "1" * 58] * 9)) <= 120
