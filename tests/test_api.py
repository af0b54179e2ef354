"""The library without a Kedro project: the same settings, the same pixels."""

import re
import subprocess
import sys
from contextlib import chdir
from threading import Thread

import pytest
import torch
from library_example import example_of, save_digits
from tiny_project import IPC, REPOSITORY, TRAIN, images_of

import mgd3_kedro
from mgd3_kedro import Prior, Settings, find_modes
from mgd3_kedro.api.prior import COMPUTING
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.sampling import SamplingConfig

ENVIRONMENTS = ["mnist", "imagenette64", "imagenet1k", "custom"]


def loader(env, given):
    return ProjectConfigLoader(
        str(REPOSITORY / "conf"),
        env=env,
        base_env="base",
        default_run_env="mnist",
        runtime_params=given,
    )


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_settings_are_those_of_a_run(env):
    assert Settings(env).parameters == loader(env, {}).configured.run


def test_settings_that_are_given_are_those_of_a_run():
    given = {"settings": "published", "seed": 3, "modes": {"mode_finder": "gmm"}}
    settings = Settings("imagenette", {"modes.mode_finder": "gmm"}, settings="published", seed=3)
    assert settings.parameters == loader("imagenette", given).configured.run
    assert settings.modes == ModesConfig("gmm", 10, 0, 1, 8, 50, "equal")
    assert settings.diffusion.cfg_channels == 3
    assert settings.sampling == SamplingConfig("noise", 0.7, 0.1, "constant", 25, None)


@pytest.mark.parametrize(
    ("env", "params", "message"),
    [
        ("mnits", {}, "env: expected one of cifar10, custom, image"),
        ("mnist", {"modes.finder": "gmm"}, "unknown parameter of modes 'finder': expected one"),
        ("mnist", {"ipcs": 1}, "did you mean 'ipc'?"),
        ("mnist", {"backbone": "dut"}, "unknown backbone 'dut': expected one of dit"),
        ("mnist", {"split": "val"}, "unknown split 'val'"),
    ],
)
def test_settings_that_there_are_not_are_refused(env, params, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Settings(env, params)


def test_a_value_that_does_not_fit_is_refused_where_it_is_used():
    with pytest.raises(ValueError, match="unknown mode finder 'kmean'"):
        _ = Settings("mnist", {"modes.mode_finder": "kmean"}).modes
    with pytest.raises(ValueError, match=r"method: .* got herding, which needs images"):
        _ = Settings("mnist", method="herding").plan
    with pytest.raises(ValueError, match=r"kedro run --env=custom --params method=herding$"):
        _ = Settings("custom", method="herding").plan
    with pytest.raises(
        ValueError, match=r"method: .* got s3, which compares groups of images of all"
    ):
        _ = Settings("mnist", method="s3").plan
    with pytest.raises(ValueError, match=r"got lgd, which compares groups of images of all"):
        _ = Settings("mnist", method="lgd", ipc=20).plan
    for name in ("annealed", "boundary"):
        with pytest.raises(
            ValueError, match=f"method: .* got {name}, which also gives it other classes"
        ):
            _ = Settings("mnist", method=name).plan


@pytest.mark.parametrize(("ipc", "modes"), [(5, 5), (10, 10), (20, 10)])
def test_increments_have_no_more_modes_than_images(ipc, modes):
    settings = Settings("mnist", method="lgd", ipc=ipc)
    assert settings.modes.ipc == modes
    if ipc == modes:
        assert settings.plan.settings == Settings("mnist", ipc=ipc).plan.settings


def test_a_project_without_configuration_is_refused(tmp_path):
    with pytest.raises(ValueError, match="project: expected a folder with conf/base in it"):
        Settings(project=tmp_path)


def test_the_example_of_the_readme_draws_the_pixels_of_the_pipelines(finished, tmp_path):
    save_digits(tmp_path / "path/to/digits", *TRAIN)
    code = example_of(REPOSITORY / "README.md")
    assert len(code.splitlines()) <= 15
    code = code.replace("ipc=10", f"ipc={IPC}, project={str(finished)!r}")
    with chdir(tmp_path):
        exec(code, {})
    drawn = {
        str(path.relative_to(tmp_path / "distilled")): path.read_bytes()
        for path in sorted((tmp_path / "distilled").rglob("*.png"))
    }
    assert drawn == images_of(finished)


def test_threads_that_share_a_model_draw_one_after_the_other(finished):
    settings = Settings("mnist", ipc=IPC, project=finished)
    prior, spec = Prior.open(settings), ClassSpec(0, "0", 0, "zero")
    latents = prior.encode(torch.zeros(8, 3, 32, 32, dtype=torch.uint8), spec)
    modes = find_modes(latents.latents, settings.modes, spec.wnid)
    alone, drawn = prior.draw(latents, modes, spec), []
    other = Thread(target=lambda: drawn.append(prior.draw(latents, modes, spec)))
    with COMPUTING:
        other.start()
        # Longer than it takes.
        other.join(1)
        assert not drawn
    other.join()
    assert torch.equal(drawn[0], alone)


def test_the_default_prior_is_found_in_any_folder(tmp_path):
    with chdir(tmp_path):
        prior = Prior.open(Settings("mnist"))
    assert prior.model.path == REPOSITORY / "data/06_models/mnist"


def test_importing_the_package_imports_nothing_else():
    code = (
        "import sys, mgd3_kedro as m; dir(m); "
        "print({'torch', 'kedro', 'numpy', 'omegaconf'} & {*sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_every_public_name_is_there():
    assert all(callable(getattr(mgd3_kedro, name)) for name in mgd3_kedro.__all__)
    assert set(mgd3_kedro.__all__) <= set(dir(mgd3_kedro))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mgd3_kedro.nothing
