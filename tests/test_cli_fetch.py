import hashlib
import io
import tarfile
import threading
from contextlib import chdir

import pytest
import yaml
from click.testing import CliRunner
from file_server import Server
from kedro.framework.startup import bootstrap_project
from tiny_project import make_project

from mgd3_kedro.cli import cli


def archive():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as members:
        for split in ("train", "val"):
            member = tarfile.TarInfo(f"imagenette2/{split}/n01440764/0.JPEG")
            member.size = 3
            members.addfile(member, io.BytesIO(b"abc"))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Make a project whose images are served from this machine."""
    content = archive()
    folder = make_project(tmp_path_factory.mktemp("fetching"))
    with Server(content) as server:
        path = folder / "conf/imagenette/parameters.yml"
        shared = yaml.safe_load(path.read_text())
        shared["fetch"] |= {"url": server.url, "md5": [hashlib.md5(content).hexdigest()]}
        path.write_text(yaml.safe_dump(shared))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, server
        server.shutdown()
        thread.join()


def fetch(folder, env):
    bootstrap_project(folder)
    with chdir(folder):
        return CliRunner().invoke(cli, ["fetch-data", "--env", env])


def test_images_that_anyone_may_have_are_downloaded_once(project):
    folder, server = project
    for _ in range(2):
        result = fetch(folder, "imagenette")
        assert result.exit_code == 0, result.output
        assert f"the images are in {folder / 'data/01_raw/imagenette'}" in result.stdout
        assert "fast.ai's own split" in result.stdout
    assert len(server.ranges) == 1
    files = sorted((folder / "data/01_raw/imagenette").rglob("*.JPEG"))
    assert [path.parts[-3] for path in files] == ["train", "val"]
    assert not list((folder / "data/01_raw").glob("*.tgz*"))


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ("imagenet1k", "https://image-net.org/download.php"),
        ("imagenet_c", "the classes of this benchmark are found in it"),
        ("mnist", "the digits come with an installed package"),
        ("custom", "name your own images with --params data="),
    ],
)
def test_where_to_get_other_images_is_said(env, words, project):
    result = fetch(project[0], env)
    assert result.exit_code == 0, result.output
    assert words in result.stdout


def test_an_unknown_environment_is_refused_in_one_line(project):
    result = fetch(project[0], "imagnette")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "conf/imagnette" in line
