import copy
import pickle
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import UnsupportedValueType

from mgd3_kedro.given import PATHS, TEXTS, read_parameters, read_path
from mgd3_kedro.nesting import flat, nested
from mgd3_kedro.splitting import Text, split_parameters

ROOT = Path(__file__).parents[1]
CONFIGURED = {
    "seed": 0,
    "jobs": -1,
    "method": "mgd3",
    "label": None,
    "class_name": None,
    "image_size": None,
    "sampling": {"mode_guidance_scale": 0.1, "candidates": 1, "tangent_components": None},
    "autoencoder": {"compile": False},
    "trainings": {"networks": ["resnet_ap10"], "repeats": 3},
    "pretrain": {
        "autoencoder": {"given": None, "block_channels": [64, 128, 256]},
        "denoiser": {"flags": [True], "free": []},
    },
    "mixture": {"weights": [0.85, 0.05]},
    "nothing": {},
    **dict.fromkeys(PATHS[:-1]),
}


def read(text, configured=CONFIGURED, project=ROOT):
    return flat(read_parameters(split_parameters([text]), configured, project))


def read_one(text, **options):
    (value,) = read(text, **options).values()
    return value


def refusal_of(function, *arguments):
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as caught:
        function(*arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], {}),
        ([""], {}),
        ([" , ,"], {}),
        (["seed=010"], {"seed": "010"}),
        (["a.b=1,c=[x; y],d=text"], {"a": {"b": "1"}, "c": "[x; y]", "d": "text"}),
        (["a.b=1", "a.c=2,d=3"], {"a": {"b": "1", "c": "2"}, "d": "3"}),
        (["c=[x, y],d=(1,2),e={f: 1, g: [2, 3]}"],
         {"c": "[x, y]", "d": "(1,2)", "e": "{f: 1, g: [2, 3]}"}),
        (["a='x, y',b=\"1, 2\""], {"a": "'x, y'", "b": '"1, 2"'}),
        (["a=[']', 2],b=1"], {"a": "[']', 2]", "b": "1"}),
        (["a='it, [',b=\"it's, \""], {"a": "'it, ['", "b": "\"it's, \""}),
        (["a=don't,b=isn't"], {"a": "don't", "b": "isn't"}),
        (["a=x),b=[1]]"], {"a": "x)", "b": "[1]]"}),
        (["a=x=y,b=p:q"], {"a": "x=y", "b": "p:q"}),
        ([" a = 1 , b = 'x' "], {"a": "1", "b": "'x'"}),
        (["a=,b="], {"a": "", "b": ""}),
        (["aa=1,a=2"], {"aa": "1", "a": "2"}),
    ],
)  # fmt: skip
def test_parameters_are_split_at_commas_outside_of_brackets_and_quotes(texts, expected):
    assert split_parameters(texts) == expected


def test_what_is_split_is_marked_as_not_read_yet():
    values = split_parameters(["a.b=1,c=[x; y]"])
    assert {type(value) for value in flat(values).values()} == {Text}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_value_that_is_not_read_stays_one_in_copies(copied):
    value = copied({"a": Text("010")})["a"]
    assert (type(value), value) == (Text, "010")


def test_a_value_that_is_not_read_never_gets_into_a_configuration():
    with pytest.raises(UnsupportedValueType):
        OmegaConf.create({"a": Text("010")})
    with pytest.raises(UnsupportedValueType):
        OmegaConf.merge({"a": 1}, {"a": Text("010")})


@pytest.mark.parametrize("text", ["a", "a:1", "=1", "a..b=1", ".a=1", "a.=1", "a b=1", "x=1,y"])
def test_what_is_no_key_and_value_is_refused(text):
    part = text.rpartition(",")[2]
    assert refusal_of(split_parameters, [text]) == (
        f"--params: expected KEY=VALUE, got {part!r}; a list is written --params "
        """'KEY=[a; b]', a value that has commas is written --params "KEY='a,b'\""""
    )


@pytest.mark.parametrize("texts", [["seed=1,ipc=2,seed=3"], ["seed=1", "seed=3"]])
def test_a_parameter_given_twice_is_refused(texts):
    assert refusal_of(split_parameters, texts) == (
        "seed: expected one value in --params, got '1' and '3'; a value that has commas is written "
        """--params "KEY='a,b'\""""
    )


@pytest.mark.parametrize("texts", [["a.b=1,a.b.c=2"], ["a.b.c=2", "a.b=1"]])
def test_a_parameter_given_as_a_value_and_as_a_group_is_refused(texts):
    assert refusal_of(split_parameters, texts) == (
        "a.b: expected a value or settings in --params, got a.b and a.b.c"
    )


@pytest.mark.parametrize(
    ("text", "missing"), [("a=[x, y", "]"), ("a='x,b=1", "'"), ('a="x', '"'), ("a=[(x]", ")")]
)
def test_a_bracket_or_quote_that_is_not_closed_is_refused(text, missing):
    assert refusal_of(split_parameters, [text]).startswith(f"a: expected {missing} at the end of ")


@pytest.mark.parametrize(
    "text", ["010", "no", "null-ish", "1e3", "-0.30", "1:30", "true", "[x; y]", "~", "0x10", "a=b"]
)
@pytest.mark.parametrize("name", ["method", *TEXTS])
def test_text_stays_as_it_is_written(name, text):
    value = read_one(f"{name}={text}")
    assert (type(value), value) == (str, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'null'", "null"),
        ('" a, b "', " a, b "),
        ("''", ""),
        ("", ""),
        ("'a'-'b'", "'a'-'b'"),
        ("don't", "don't"),
        ('"it\'s"', "it's"),
        ('""x', '""x'),
    ],
)
def test_quotes_around_text_are_not_part_of_it(text, expected):
    assert read_one(f"method={text}") == expected


@pytest.mark.parametrize("name", sorted({*flat(CONFIGURED)} - {"nothing", "data", "model"}))
def test_null_is_none_for_every_parameter_with_a_value(name):
    assert read_one(f"{name}=null") is None


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("True", True), ("false", False)])
def test_a_flag_is_true_or_false(text, expected):
    assert read_one(f"autoencoder.compile={text}") is expected


@pytest.mark.parametrize(
    ("text", "write"),
    [
        *((text, "true") for text in ("yes", "1", "on", "TRUE", "Y")),
        *((text, "false") for text in ("no", "0", "Off", "FALSE")),
        *((text, "true or false") for text in ("2", "", "'true'", "maybe")),
    ],
)
def test_no_other_word_is_a_flag(text, write):
    assert refusal_of(read, f"autoencoder.compile={text}") == (
        f"autoencoder.compile: expected true or false, got {text!r}; write {write}"
    )


FLOAT = "sampling.mode_guidance_scale"
NUMBERS = {
    "0": 0, "5": 5, "-5": -5, "+5": 5, "-0": 0, "100": 100, "1e-3": 0.001, ".5": 0.5, "5.": 5.0,
    "-0.30": -0.3, "1E3": 1000.0, "0.1e+2": 10.0, "-.5e1": -5.0, "1" * 20: int("1" * 20),
}  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_read_as_it_is_written_where_no_type_is_configured(text):
    value = read_one(f"image_size={text}")
    assert (type(value), value) == (type(NUMBERS[text]), NUMBERS[text])


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize(("name", "kinds"), [("jobs", (int, float)), (FLOAT, (float, float))])
def test_a_number_is_whole_or_not_as_the_configured_one_if_it_can_be(name, kinds, text):
    value, expected = read_one(f"{name}={text}"), NUMBERS[text]
    kind = kinds[expected != int(expected)]
    assert (type(value), value) == (kind, kind(expected))


@pytest.mark.parametrize(
    ("configured", "text", "value"),
    [(0, "auto", "auto"), (0.5, "auto", "auto"), ("auto", "20", 20), ("auto", "0.5", 0.5),
     ("auto", "auto", "auto"), ("auto", "cuda:1", "cuda:1"), (None, "auto", "auto")],
)  # fmt: skip
def test_a_number_that_may_be_found_out_is_given_either_way(configured, text, value):
    read = read_one(f"scale={text}", configured={"scale": configured})
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(("configured", "text"), [(4.0, "4"), (4, "4.0"), (0, "-0.0"), (10, "1e1")])
def test_a_number_that_equals_the_configured_one_is_that(configured, text):
    value = read_one(f"scale={text}", configured={"scale": configured})
    assert repr(value) == repr(configured)


@pytest.mark.parametrize("name", ["seed", "sampling.mode_guidance_scale"])
@pytest.mark.parametrize(
    ("text", "write"),
    [("010", "10"), ("-01", "-1"), ("000", "0"), ("00.50", "0.50"), ("08", "8"), ("01e3", "1e3")],
)
def test_a_number_with_leading_zeros_is_refused(name, text, write):
    assert refusal_of(read, f"{name}={text}") == (
        f"{name}: expected a number without leading zeros, got {text!r}; write {write}"
    )


@pytest.mark.parametrize("name", ["seed", "sampling.mode_guidance_scale"])
@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("0x10", "16"),
        ("-0xF", "-15"),
        ("1_000", "1000"),
        *(
            (text, "it in digits, as 3, 0.5 or 1e-3")
            for text in (
                *("1:30", "inf", "-inf", ".inf", "nan", "one", "", "~", "None", "true", "'5'"),
                *("1e400", "1 000", "5px", ".", "-", "e5", "1.2.3", "[1]", "1;2", "٣"),
            )
        ),
    ],
)
def test_what_is_no_number_is_refused(name, text, write):
    assert refusal_of(read, f"{name}={text}") == (
        f"{name}: expected a number, got {text!r}; write {write}"
    )


@pytest.mark.parametrize(
    "text", ["[a; b]", "[a, b]", "[a;b]", "a;b", " [ a ; b ] ", "['a'; \"b\"]", "a ; 'b'"]
)
def test_a_list_is_written_with_or_without_brackets(text):
    assert read_one(f"trainings.networks={text}") == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trainings.networks=convnet3", ["convnet3"]),
        ("trainings.networks=[010; no; null; 'null']", ["010", "no", None, "null"]),
        ("trainings.networks=['a;b'; c]", ["a;b", "c"]),
        ("trainings.networks=[]", []),
        ("trainings.networks=[ ]", []),
        ("trainings.networks=['']", [""]),
        ("pretrain.autoencoder.block_channels=8", [8]),
        ("pretrain.autoencoder.block_channels=[8, 16; 1e3]", [8, 16, 1000]),
        ("mixture.weights=1;.5", [1.0, 0.5]),
        ("pretrain.denoiser.flags=[true; False]", [True, False]),
        ("pretrain.denoiser.free=[1; x; true; [2; y]]", [1, "x", True, [2, "y"]]),
    ],
)
def test_values_of_a_list_are_read_as_the_first_that_is_configured(text, expected):
    value = read_one(text)
    assert (value, list(map(type, value))) == (expected, list(map(type, expected)))


@pytest.mark.parametrize("text", ["", ";", "[a; ; b]", "[a;]", "a]"])
def test_a_list_with_nothing_between_its_signs_is_refused(text):
    assert refusal_of(read, f"trainings.networks={text}") == (
        f"trainings.networks: expected a list, got {text!r}; write it as "
        "'trainings.networks=[a; b]'"
    )


def test_a_list_that_is_not_closed_is_refused():
    given = {"trainings": {"networks": Text("[a; b")}}
    assert refusal_of(read_parameters, given, CONFIGURED, ROOT).startswith("trainings.networks: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("block_channels=[8; 010]", "a number without leading zeros, got '010'; write 10"),
        ("block_channels=[8; a]", "a number, got 'a'; write it in digits, as 3, 0.5 or 1e-3"),
    ],
)
def test_a_wrong_value_of_a_list_is_refused(text, message):
    assert refusal_of(read, f"pretrain.autoencoder.{text}") == (
        f"pretrain.autoencoder.block_channels: expected {message}"
    )


@pytest.mark.parametrize("name", ["image_size", "sampling.tangent_components", "unknown.name"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("skip", "skip"),
        ("0x10", "0x10"),
        ("nan", "nan"),
        ("1e400", "1e400"),
        ("2024-01-01", "2024-01-01"),
        ("01_a", "01_a"),
        ("a;b", "a;b"),
        ("'010'", "010"),
        ("'1:30'", "1:30"),
        ("'[1]'", "[1]"),
        ("''", ""),
        ("~", "~"),
        ("[1; b]", [1, "b"]),
        ("[]", []),
    ],
)
def test_without_a_type_only_what_looks_like_a_value_is_more_than_text(name, text, expected):
    value = read_one(f"{name}={text}")
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("010", "expected a number without leading zeros, got '010'; write 10, or "
         "\"image_size='010'\" if it is text"),
        ("1:30", "expected one number, got '1:30'; write \"image_size='1:30'\" if it is text"),
        ("-01:30:5.5", "expected one number, got '-01:30:5.5'; write "
         "\"image_size='-01:30:5.5'\" if it is text"),
        ("", "expected a value, got none; write null for none"),
    ],
)  # fmt: skip
def test_without_a_type_what_could_be_two_values_is_refused(text, message):
    assert refusal_of(read, f"image_size={text}") == f"image_size: {message}"


@pytest.mark.parametrize("text", ["sampling=1", "nothing={}", "pretrain.autoencoder=null"])
def test_one_value_for_a_group_is_refused(text):
    name = text.partition("=")[0]
    if name == "nothing":
        assert refusal_of(read, text) == "nothing: expected settings, got '{}'"
    else:
        assert refusal_of(read, text).startswith(f"{name}: expected its settings, each as {name}.")


def test_an_unknown_parameter_is_kept_for_a_check_of_its_own():
    values = read_parameters(split_parameters(["sampling.sede=1"]), CONFIGURED, ROOT)
    assert values == {"sampling": {"sede": 1}}


@pytest.mark.parametrize("value", ["010", "'x'", 5, 0.30, None, True, [1, "2"], {}, "null"])
@pytest.mark.parametrize("name", ["seed", "method", "unknown"])
def test_a_value_that_a_program_gives_is_kept(name, value):
    given = {name: value, "sampling": {"candidates": value}}
    assert read_parameters(given, CONFIGURED, ROOT) == given


PROJECT_PATHS = {
    "data/x": "data/x",
    "./data//x/": "data/x",
    "data/../data/x": "data/x",
    "../{name}/data/x": "data/x",
    "{project}/data/x": "data/x",
    "{project}//data/./x/": "data/x",
    "{project}": ".",
    ".": ".",
    "a b/c,d": "a b/c,d",
    "facebook/DiT-XL-2-256": "facebook/DiT-XL-2-256",
    "{project}-other/x": "{project}-other/x",
    "../x": "{parent}/x",
    "data/../../x": "{parent}/x",
    "/x/../y": "/y",
    "/": "/",
    "~": "{home}",
    "~/x": "{home}/x",
    "x/~": "x/~",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path.resolve() / "project"
    (folder / "data").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path.resolve() / "home"))
    monkeypatch.chdir(tmp_path)
    return folder


def placed(text, project):
    home = project.parent / "home"
    return text.format(project=project, parent=project.parent, name=project.name, home=home)


@pytest.mark.parametrize("text", PROJECT_PATHS)
def test_a_path_is_written_in_one_way(text, project):
    expected = placed(PROJECT_PATHS[text], project)
    assert read_path(placed(text, project), project) == expected
    assert read_path(expected, project) == expected


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("text", PROJECT_PATHS)
def test_every_path_that_is_given_is_read_as_one(name, text, project):
    path, expected = placed(text, project), placed(PROJECT_PATHS[text], project)
    written = f"{name}='{path}'" if "," in path else f"{name}={path}"
    assert read_one(written, project=project) == expected
    for value in (path, Path(path)):
        (kept,) = flat(read_parameters(nested({name: value}), CONFIGURED, project)).values()
        assert (type(kept), kept) == (str, expected)


def test_a_user_is_named_by_a_path(project):
    pwd = pytest.importorskip("pwd")
    user = pwd.getpwuid(0)
    assert read_one(f"data=~{user.pw_name}/x", project=project) == f"{user.pw_dir}/x"


def test_the_home_of_nobody_is_refused(project):
    assert refusal_of(read, "data=~nobody-of-this-name/x") == (
        "data: expected a path, got '~nobody-of-this-name/x', which is no user's folder"
    )


@pytest.mark.parametrize("text", ["", "''"])
def test_an_empty_path_is_refused(text):
    assert refusal_of(read, f"data={text}") == "data: expected a path, got ''"
    assert refusal_of(read, f"classes={text}") == "classes: expected a path or null, got ''"
    assert refusal_of(read_parameters, {"data": ""}, CONFIGURED, ROOT).startswith("data: ")


@pytest.mark.parametrize("text", ["010", "no", "1:30", "1e3", "true", "[a]"])
def test_a_path_stays_text(text):
    assert read_one(f"data={text}") == text


@pytest.mark.parametrize("name", ["data", "model"])
def test_what_no_run_can_do_without_is_not_null(name):
    assert refusal_of(read, f"{name}=null") == f"{name}: expected a path, got null"


def test_no_path_stays_none(project):
    assert read_parameters({"data": None}, CONFIGURED, project) == {"data": None}
    assert read_one("data='null'", project=project) == "null"


def test_a_project_reached_by_a_link_is_the_same(project):
    link = project.parent / "link"
    link.symlink_to(project)
    assert read_path(f"{link}/data/x", project) == "data/x"
    assert read_path(f"{project}/data/x", link) == "data/x"
    assert read_path("data/x", link) == "data/x"


def test_a_step_up_from_a_link_leads_to_where_its_target_is(project):
    (project.parent / "disk" / "images").mkdir(parents=True)
    (project / "data" / "images").symlink_to(project.parent / "disk" / "images")
    assert read_path("data/images/../x", project) == f"{project.parent}/disk/x"
    assert read_path("data/images/x", project) == "data/images/x"


def test_a_project_may_be_named_from_the_working_folder(project):
    assert read_path("data/x", Path("project")) == "data/x"
    assert read_path("../x", Path("project")) == f"{project.parent}/x"


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({}, {}),
        ({"a": 1, "b": {"c": 2, "d": {"e": [3]}}}, {"a": 1, "b.c": 2, "b.d.e": [3]}),
        ({"a": {}, "b": {"c": {}}}, {"a": {}, "b.c": {}}),
    ],
)
def test_nested_parameters_are_flattened_and_nested_again(tree, expected):
    assert flat(tree) == expected
    assert nested(expected) == tree


def _committed_parameters():
    for path in sorted((ROOT / "conf").glob("*/parameters*.yml")):
        yield from flat(yaml.safe_load(path.read_text()) or {}).items()


@pytest.mark.parametrize(("name", "value"), [*_committed_parameters()])
def test_every_committed_value_is_read_as_it_is_when_given_in_words(name, value):
    if isinstance(value, int | float) and not isinstance(value, bool):
        assert read_one(f"{name}={value!r}", configured=nested({name: value})) == value
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        text = "; ".join(map(str, value))
        assert read_one(f"{name}=[{text}]", configured=nested({name: value})) == value


def test_every_path_and_text_is_a_parameter():
    names = {name for name, _ in _committed_parameters()}
    assert {*PATHS, *TEXTS} <= names
