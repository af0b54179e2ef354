"""How files and the command line become one configuration."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import yaml
from tiny_project import REPOSITORY, merged

from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.nesting import flat, nested
from mgd3_kedro.parameter_files import ParameterFiles
from mgd3_kedro.settings import CONFIG_LOADER_ARGS


@pytest.fixture
def conf(tmp_path):
    """Copy the configuration of the digits to a project of its own."""
    for env in ("base", "mnist"):
        shutil.copytree(REPOSITORY / "conf" / env, tmp_path / "conf" / env)
    return tmp_path / "conf"


def write(path, values):
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()) or {}, values)))


def load(conf, **given):
    return ProjectConfigLoader(
        conf_source=str(conf), runtime_params=nested(given), **CONFIG_LOADER_ARGS
    )


@pytest.fixture
def with_bf16(monkeypatch):
    """Have this machine compute in bf16 on its processor, and on nothing else."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})


def test_an_autoencoder_to_take_is_found_from_the_project_whatever_folder_one_is_in(conf):
    assert load(conf)["parameters"]["pretrain"]["autoencoder"]["given"] is None
    write(conf / "base/parameters_pretrain.yml", {"pretrain": {"autoencoder": {"given": "mine"}}})
    found = load(conf)["parameters"]["pretrain"]["autoencoder"]["given"]
    assert found == str(conf.parent / "mine")


def test_places_are_in_the_project_whose_configuration_is_asked_for(conf, tmp_path):
    shutil.copytree(conf, tmp_path / "other/conf")
    one, other = load(conf), load(tmp_path / "other/conf")
    assert other["catalog"]["prior"]["root"] == str(tmp_path / "other/.")
    assert one["catalog"]["prior"]["root"] == str(tmp_path / ".")
    assert other["mlflow"]["server"] != one["mlflow"]["server"]


def test_a_configuration_kept_elsewhere_has_the_places_of_the_project_that_runs(conf, tmp_path):
    loader = load(conf, seed=2)
    loader.project = tmp_path / "project"
    assert loader["catalog"]["prior"]["root"] == str(tmp_path / "project/.")
    assert loader.with_parameters({"seed": 3}).project == tmp_path / "project"


def test_threads_find_the_places_of_their_own_runs(conf):
    of_all = load(conf)
    loaders = [of_all.with_parameters({"seed": seed}) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(lambda one: one.place("distilled_images"), loaders * 5)]
    assert [f"/seed{number % 4}/" in place for number, place in enumerate(found)] == [True] * 20


def test_parameters_may_name_a_place_in_the_project(conf, tmp_path):
    shutil.copytree(conf, tmp_path / "other/conf")
    one, other = (load(path, data="${project:photos}") for path in (conf, tmp_path / "other/conf"))
    assert other["parameters"]["data"] == str(tmp_path / "other/photos")
    assert one["parameters"]["data"] == str(tmp_path / "photos")


def test_an_entry_of_the_environment_replaces_the_one_of_all(conf):
    entry = {"type": "json.JSONDataset", "filepath": "mine.json"}
    name = next(iter(load(conf).catalog_files))
    assert load(conf).catalog_files[name] != entry
    write(conf / "mnist/catalog.yml", {name: entry})
    assert load(conf).catalog_files[name] == entry


def test_files_are_read_once_whatever_the_number_of_runs(conf):
    of_all = load(conf)
    seeds = [of_all.with_parameters({"seed": seed}) for seed in (1, 2)]
    shutil.rmtree(conf)
    assert [loader["parameters"]["seed"] for loader in seeds] == [1, 2]
    assert len({loader.place("modes") for loader in seeds}) == 2


def test_parameters_of_every_method_are_resolved_once_whatever_is_asked_of_them(conf, monkeypatch):
    resolved = []
    configure = ParameterFiles.configure
    monkeypatch.setattr(
        ParameterFiles,
        "configure",
        lambda files, given: resolved.append(given) or configure(files, given),
    )
    loader = load(conf)
    methods = loader["parameters"]["methods"]
    images = loader.places_of_methods("distilled_images")
    rows = loader.places_of_methods("result_rows")
    assert images.keys() == rows.keys() == methods.keys()
    assert len(resolved) == 1 + len(methods)
    of_seed = loader.places_of_methods("distilled_images", seed=7)
    assert all("/seed7" in place for place in of_seed.values())
    assert images == loader.places_of_methods("distilled_images") != of_seed


FOLLOWING = (
    *("precision", "autoencoder.precision", "diffusion.precision", "evaluation.precision"),
    *("teacher_training.precision", "pretrain.denoiser.precision"),
)


def precisions(loader):
    values = flat(loader["parameters"])
    return {name: value for name, value in values.items() if name.endswith("precision")}


def test_auto_is_what_the_device_is_fast_in_wherever_no_other_precision_is_set(conf, with_bf16):
    found = precisions(load(conf, precision="auto", **{"evaluation.precision": "fp32"}))
    assert {found[name] for name in FOLLOWING} == {"bf16", "fp32"}
    assert found["evaluation.precision"] == found["methods.minimax.precision"] == "fp32"
    assert "auto" not in found.values()


def test_auto_is_what_the_device_of_its_group_is_fast_in(conf, with_bf16):
    found = precisions(load(conf, precision="auto", **{"diffusion.device": "mps"}))
    assert (found["diffusion.precision"], found["autoencoder.precision"]) == ("fp32", "bf16")


@pytest.mark.parametrize("name", FOLLOWING[:3])
def test_results_are_kept_and_told_by_what_auto_stands_for(name, conf, with_bf16):
    auto, named, usual = (load(conf, **{name: value}) for value in ("auto", "bf16", "fp32"))
    assert auto.words("distilled_images") == named.words("distilled_images")
    assert auto.words("distilled_images") == f"{name}=bf16"
    assert auto["parameters"] == named["parameters"]
    assert usual.words("distilled_images") == ""


def test_auto_is_no_setting_of_its_own_where_the_environment_has_it(conf, with_bf16):
    write(conf / "mnist/parameters.yml", {"precision": "auto"})
    for given in ({}, {"precision": "bf16"}, {"diffusion.precision": "bf16"}):
        assert load(conf, **given).words("distilled_images") == ""
    assert load(conf, precision="fp32").words("distilled_images") == "precision=fp32"


def test_the_published_settings_are_those_of_any_machine(conf, with_bf16):
    write(conf / "mnist/parameters.yml", {"precision": "auto"})
    found = precisions(load(conf, settings="published"))
    assert {found[name] for name in FOLLOWING if name not in FOLLOWING[1:3]} == {"fp32"}
    assert found["diffusion.precision"] == found["autoencoder.precision"] == "tf32"


@pytest.mark.parametrize(("ipc", "modes"), [(3, 3), (25, 10), ("auto", "auto")])
def test_the_smaller_of_two_numbers_is_left_to_checks_where_one_is_none(ipc, modes, conf):
    run = load(conf, method="lgd", ipc=ipc)["parameters"]
    assert run["methods"]["lgd"]["increment_size"] == 10
    assert run["modes"]["ipc"] == modes


@pytest.mark.parametrize(("ipc", "factor", "modes"), [(3, 2, 12), (3, 1, 3), ("auto", 2, "auto")])
def test_modes_of_small_images_are_as_many_as_these(ipc, factor, modes, conf):
    own = {"methods.mgd3_quarters.factor": factor}
    assert load(conf, method="mgd3_quarters", ipc=ipc, **own)["parameters"]["modes"]["ipc"] == modes


def test_a_method_has_numbers_of_steps_of_its_own_unless_others_are_given(conf):
    run = load(conf, method="mgd3_quarters")
    assert run["parameters"]["diffusion"]["num_inference_steps"] == 20
    assert load(conf, method="mgd3")["parameters"]["diffusion"]["num_inference_steps"] == 50
    given = load(conf, method="mgd3_quarters", **{"diffusion.num_inference_steps": 10})
    assert given["parameters"]["diffusion"]["num_inference_steps"] == 10
    assert given.words("distilled_images") == "num_inference_steps=10"
    assert run.words("distilled_images") == ""


@pytest.mark.parametrize("given", [{"modes.ipc": 40}, {"diffusion.num_inference_steps": 20}])
@pytest.mark.parametrize("entry", ["modes", "distilled_images"])
def test_what_a_method_has_anyway_may_be_given_and_changes_nothing(entry, given, conf):
    plain = load(conf, method="mgd3_quarters")
    assert load(conf, method="mgd3_quarters", **given).place(entry) == plain.place(entry)
    other = {name: value + 1 for name, value in given.items()}
    changed = load(conf, method="mgd3_quarters", **other).place("distilled_images")
    assert changed != plain.place("distilled_images")


@pytest.mark.parametrize(
    ("source", "value", "follower", "entry"),
    [
        ("precision", "bf16", "evaluation.precision", "result_rows"),
        ("precision", "bf16", "autoencoder.precision", "latents"),
        ("precision", "auto", "autoencoder.precision", "latents"),
        ("evaluation.image_size", 16, "teacher_training.image_size", "teacher"),
        ("backbones.dit.stop_guidance_step", 1, "sampling.stop_guidance_step", "distilled_images"),
    ],
)
def test_results_of_a_value_that_is_also_given_for_what_follows_it_have_its_name(
    source, value, follower, entry, conf, with_bf16
):
    alone = load(conf, **{source: value})
    derived = flat(alone["parameters"])[follower]
    both = load(conf, **{source: value, follower: derived})
    assert both.place(entry) == alone.place(entry)
    assert alone.place(entry) != load(conf).place(entry)


def test_a_mixture_of_other_settings_has_a_place_of_its_own(conf):
    other = load(conf, **{"mixture.seed": 5})
    for entry in ("mixture_samples", "mixture_metrics", "mixture_plot"):
        assert "mixture/" in load(conf).place(entry)
        assert "mixture,mixture.seed=5/" in other.place(entry)


@pytest.mark.parametrize("networks", [[], None])
def test_no_network_at_all_is_refused_before_what_follows_the_first(networks, conf):
    with pytest.raises(ValueError, match=r"^trainings.networks: expected at least one as \[vit\]"):
        load(conf, **{"trainings.networks": networks})["parameters"]
