"""What is said of names and folders that a run does not know."""

from pathlib import Path

import pytest

from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.known_options import check_folder, describe_unread_files


@pytest.mark.parametrize(
    ("files", "env", "told"),
    [
        ([], "mnist", ""),
        (["parameters.yml"], "local", ""),
        ([".gitkeep"], "mnist", ""),
        (["parameters.yml"], "mnist", "conf/local: parameters.yml is not read, as the"),
        (["b.yml", "a.yml"], "custom", "conf/local: a.yml, b.yml are not read, as the"),
    ],
)
def test_settings_that_no_run_reads_are_told(files, env, told, tmp_path):
    local = tmp_path / "local"
    local.mkdir()
    for name in files:
        (local / name).touch()
    found = describe_unread_files(local, env)
    assert found.startswith(told)
    assert bool(found) == bool(told)


@pytest.mark.parametrize(("name", "signs"), [("a [y]", r"\[ \]"), ("{x}", "{ }"), ("a*b", r"\*")])
def test_a_folder_that_kedro_takes_for_a_pattern_is_refused(name, signs):
    message = f"^/home/.*: expected a project folder without .* got {signs}; rename it$"
    with pytest.raises(ValueError, match=message):
        check_folder(Path("/home", name, "project"))
    with pytest.raises(ValueError, match=message):
        ProjectConfigLoader(f"/home/{name}/project/conf")


@pytest.mark.parametrize("name", ["a b", "ü ñ", "数据", "$HOME", "a'b", "(a)", "a#b", "<b>"])
def test_other_signs_are_no_reason(name):
    check_folder(Path("/home", name))
