"""What is said of names and folders that a run does not know."""

import pytest

from mgd3_kedro.known_options import describe_unread


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
    found = describe_unread(local, env)
    assert found.startswith(told)
    assert bool(found) == bool(told)
