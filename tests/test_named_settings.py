"""Settings that go together are chosen by one name."""

import pytest
import yaml
from tiny_project import REPOSITORY

from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.named_settings import NamedSettings, parameters_of_method, without_parameters
from mgd3_kedro.nesting import flat

CONF = REPOSITORY / "conf"
COMMITTED = yaml.safe_load((CONF / "base/parameters_named.yml").read_text())["named_settings"]
BACKBONES = yaml.safe_load((CONF / "base/parameters_backbones.yml").read_text())["backbones"]
TABLE = {"theirs": {"all": {"a.x": 1, "b": 2}, "dit": {"b": 3}}}


def loader(env="imagenette", **given):
    return ProjectConfigLoader(
        conf_source=str(CONF),
        env=env,
        base_env="base",
        default_run_env="mnist",
        runtime_params=given,
        config_patterns={"parameters": ["parameters*", "parameters*/**"]},
    )


def test_those_of_the_backbone_come_after_those_of_all():
    named = NamedSettings(TABLE)
    assert named.chosen({"settings": "theirs", "backbone": "dit"}) == {"a": {"x": 1}, "b": 3}
    assert named.chosen({"settings": "theirs", "backbone": "other"}) == {"a": {"x": 1}, "b": 2}
    assert named.chosen({"settings": None, "backbone": "dit"}) == {}


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"unknown settings 'thiers'.*did you mean 'theirs'"):
        NamedSettings(TABLE).chosen({"settings": "thiers", "backbone": "dit"})


def test_only_what_changes_is_described():
    run = {"settings": "theirs", "backbone": "dit", "a": {"x": 1}, "b": 3}
    usual = {**run, "settings": None, "a": {"x": None}, "b": 0}
    told = ["settings=theirs: a.x=1 (without it: null)", "settings=theirs: b=3 (without it: 0)"]
    describe = NamedSettings(TABLE).describe
    assert describe(run, usual, ()) == told
    assert describe(run, usual, ("b",)) == told[:1]
    assert describe(run, run, ()) == []
    assert describe({**run, "settings": None}, usual, ()) == []


@pytest.mark.parametrize("name", COMMITTED)
def test_all_named_settings_are_parameters_that_there_are(name):
    known = flat(loader().of_environment)
    for backbone, parameters in COMMITTED[name].items():
        assert backbone == "all" or backbone in BACKBONES
        assert set(parameters) <= set(known)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_published_settings_are_those_of_the_run_and_told(backbone):
    asked = loader(settings="published", backbone=backbone)
    values, usual = flat(asked.configured.run), flat(asked.of_environment)
    chosen = {**COMMITTED["published"]["all"], **COMMITTED["published"].get(backbone, {})}
    assert {name: values[name] for name in chosen} == chosen
    told = asked.chosen_settings()
    changed = {name for name, value in chosen.items() if usual[name] != value}
    changed.add("modes.random_state")  # that of the seed is another for other seeds
    assert {line.split(": ")[1].split("=")[0] for line in told} == changed
    assert loader(backbone=backbone).chosen_settings() == []


def test_what_is_given_beside_the_name_counts_more():
    asked = loader(settings="published", modes={"n_init": 7}, seed=5)
    assert asked.configured.run["modes"]["n_init"] == 7
    assert asked.configured.run["modes"]["random_state"] == 0
    assert not any("n_init" in line for line in asked.chosen_settings())


def test_named_settings_are_no_parameters_themselves():
    assert "named_settings" not in loader(settings="published").configured.run


def test_results_of_named_settings_are_told_by_what_they_are_whatever_the_seed():
    words = {loader(settings="published", seed=seed).words("trainings") for seed in (0, 5)}
    assert len(words) == 1
    assert {"n_init=1", "modes.random_state=0"} <= set(words.pop().split())


def test_a_list_of_names_is_refused():
    with pytest.raises(ValueError, match=r"settings: expected one of theirs, got .'theirs'."):
        NamedSettings(TABLE).chosen({"settings": ["theirs"], "backbone": "dit"})


def test_a_page_says_what_each_of_the_published_settings_is_and_where_it_is_from():
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in (REPOSITORY / "docs/published.md").read_text().splitlines()
        if line.startswith("| ")
    ]
    for parameters in COMMITTED["published"].values():
        for name in parameters:
            about = [row for row in rows if any(f"`{name}" in cell for cell in row)]
            assert about, name
            assert all(len(row) == 5 and row[2] for row in about), name


OWN = {"procedure": "denoise", "modes": {"mode_finder": "gmm", "pool": 4}}
PARAMETERS = {
    "method": "mine",
    "methods": {"mine": OWN, "plain": {"procedure": "denoise"}},
    "modes": {"mode_finder": "kmeans", "pool": 8},
}


def test_a_method_may_have_parameters_of_its_own():
    assert parameters_of_method(PARAMETERS) == {"modes": {"mode_finder": "gmm", "pool": 4}}
    assert parameters_of_method({**PARAMETERS, "method": "plain"}) == {}
    assert parameters_of_method({**PARAMETERS, "method": "theirs"}) == {}
    assert without_parameters(OWN) == {"procedure": "denoise"}


def test_a_parameter_that_there_is_not_is_refused_with_the_method():
    wrong = {"mine": {**OWN, "modes": {"pol": 4}}}
    message = r"^methods.mine.modes: unknown parameter of modes 'pol'.*did you mean 'pool'"
    with pytest.raises(ValueError, match=message):
        parameters_of_method({**PARAMETERS, "methods": wrong})


def test_modes_of_a_method_are_told_where_its_name_is_not():
    own = loader("mnist", method="mgd3_pooled")
    assert own.configured.run["modes"]["mode_finder"] == "kmeans_pooled"
    assert own.words("modes") == "min_members=auto mode_finder=kmeans_pooled"
    assert own.words("distilled_images") == own.words("trainings") == ""
    others = own.places_of_methods("modes")
    assert others["mgd3"] == loader("mnist").place("modes") != own.place("modes")


def test_what_is_given_counts_more_than_what_a_method_has_and_is_told():
    given = loader("mnist", method="mgd3_pooled", modes={"mode_finder": "kmeans"})
    assert given.configured.run["modes"]["mode_finder"] == "kmeans"
    assert given.words("modes") == "min_members=auto"
    assert given.words("distilled_images") == "mode_finder=kmeans"


def test_a_method_may_have_images_count_for_their_clusters_which_its_name_tells():
    own = loader("mnist", method="ddoq")
    assert own.configured.run["trainings"]["mode_weight_exponent"] == 1
    assert own.configured.run["modes"]["mode_finder"] == "minibatch_kmeans"
    assert own.words("trainings") == own.words("distilled_images") == ""
    alike = loader("mnist", method="ddoq", trainings={"mode_weight_exponent": 0})
    assert alike.words("trainings") == "mode_weight_exponent=0"
    assert alike.words("distilled_images") == ""
    other = loader("mnist", method="mgd3")
    assert other.configured.run["trainings"]["mode_weight_exponent"] == 0
    assert other.words("trainings") == ""
