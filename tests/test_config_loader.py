"""How files and the command line become one configuration."""

import shutil

import pytest
import yaml
from tiny_project import REPOSITORY, merged

from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.settings import CONFIG_LOADER_ARGS


@pytest.fixture
def conf(tmp_path):
    """Copy the configuration of the digits to a project of its own."""
    for env in ("base", "mnist"):
        shutil.copytree(REPOSITORY / "conf" / env, tmp_path / "conf" / env)
    return tmp_path / "conf"


def write(path, values):
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()) or {}, values)))


def load(conf):
    return ProjectConfigLoader(conf_source=str(conf), **CONFIG_LOADER_ARGS)


def test_an_autoencoder_to_take_is_found_from_the_project_whatever_folder_one_is_in(conf):
    assert load(conf)["parameters"]["pretrain"]["autoencoder"]["given"] is None
    write(conf / "base/parameters_pretrain.yml", {"pretrain": {"autoencoder": {"given": "mine"}}})
    found = load(conf)["parameters"]["pretrain"]["autoencoder"]["given"]
    assert found == str(conf.parent / "mine")


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
