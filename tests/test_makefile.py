import re
import subprocess
from contextlib import chdir
from math import prod

import pytest
import yaml
from click.testing import CliRunner
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from PIL import Image
from tiny_project import REPOSITORY, make_project, save_prior, save_teacher

from mgd3_kedro.cli import cli
from mgd3_kedro.sweep.parts import read_parts

KEEPING = ("herding", "kmeans_closest")
SIDES = {"mnist": 32, "imagenette64": 64}
ROWS, FULL, REPORT = (
    "distill/collect_rows",
    "train_full/full.collect_rows",
    "report_sweep,show_sweep",
)
POINTS = {
    "mnist": {
        "methods": [
            *("train_teacher", "distill seed*5 method*12", f"{ROWS} seed*5 method*5 ipc*2"),
            *(f"{FULL} seed*5", "compare", "report_methods"),
        ],
        "length": [f"{ROWS} seed*5 method*3 preset*2", "compare"],
        "reconstructed": [f"{ROWS} seed*5 ipc*3 methods.random.reconstructed*1", "compare"],
        "ablate-stop": ["distill sampling.stop_guidance_step*11 seed*3", REPORT],
        "ablate-scale": ["distill sampling.mode_guidance_scale*7 seed*3", REPORT],
        "tune-guidance": [f"{ROWS} diffusion.guidance_scale*2 seed*2", "compare"],
        "tune-modes": [
            f"{ROWS} sampling.mode_guidance_scale*3 sampling.stop_guidance_step*2 seed*2",
            "compare",
        ],
    },
    "imagenette64": {
        "methods": [
            *("distill seed*3 method*6", f"{ROWS} seed*3 method*6 ipc*2"),
            *(f"{FULL} seed*3", "compare", "report_methods"),
        ],
        "length": [f"{ROWS} seed*3 method*3 preset*2", "compare"],
        "reconstructed": [f"{ROWS} seed*3 ipc*3 methods.random.reconstructed*1", "compare"],
        "prior-small": ["pretrain"],
        "tune-frontier-10": [
            f"{ROWS} method*1 modes.mode_finder*2 sampling.mode_guidance_scale*2 seed*2",
            f"{ROWS} method*1 sampling.mode_guidance_scale*4 seed*2",
            f"{ROWS} method*2 sampling.initial_latents*1 sampling.noise_strength*3 seed*2",
            f"{ROWS} method*1 modes.mode_finder*1 sampling.initial_latents*1 seed*2",
            f"{ROWS} method*2 diffusion.guidance_scale*1 seed*2",
            f"{ROWS} method*6 diffusion.guidance_scale*2 seed*2",
            f"{ROWS} method*1 sampling.mode_guidance_scale*2 seed*2",
            *(f"{ROWS} method*2 seed*2", "compare"),
        ],
        "tune-small-images": [
            f"{ROWS} method*1 sampling.noise_strength*3 seed*2",
            *(f"{ROWS} method*1 diffusion.guidance_scale*1 seed*2", "compare"),
        ],
        "frontier-limits": [
            "train_teacher",
            *(f"{ROWS} seed*3 method*1 methods.{name}.features*1" for name in KEEPING),
            f"{ROWS} seed*3 method*2 modes.mode_finder*1",
            *(f"{ROWS} seed*3 method*3 model*1", "compare"),
        ],
        "ablate-stop": ["distill sampling.stop_guidance_step*6 seed*3", REPORT],
        "ablate-scale": ["distill sampling.mode_guidance_scale*5 seed*3", REPORT],
        "tune-guidance": [f"{ROWS} diffusion.guidance_scale*5 seed*2", "compare"],
        "tune-modes": [
            f"{ROWS} sampling.mode_guidance_scale*3 sampling.stop_guidance_step*2 seed*2",
            "compare",
        ],
    },
}
OF_BOTH = {
    "frontier-10": [
        f"{ROWS} seed*10 method*4",
        *(f"{ROWS} seed*5 method*1 methods.{method}.factor*1" for method in ("mgd3", "herding")),
        *(f"{ROWS} seed*5 method*15", "compare"),
    ],
    "frontier-protocols": [
        "train_teacher",
        *(f"{ROWS} seed*3 method*6 protocol*4", "compare"),
    ],
    "frontier-soft": [
        "train_teacher",
        f"{ROWS} seed*3 method*5",
        *(f"{ROWS} seed*3 method*1 methods.herding.factor*1", "compare"),
    ],
    "frontier-networks": [f"{ROWS} seed*3 method*6 trainings.networks*3", "compare"],
    "frontier-costs": [
        "distill/tabulate_cost seed*1 method*10",
        "report_methods/tabulate_costs",
    ],
    "labels": ["train_teacher", f"{ROWS} protocol*3 seed*3", "compare"],
    "networks": [ROWS, FULL, "compare"],
    "prior": ["pretrain"],
    "ablate-finder": ["distill modes.mode_finder*9 seed*3", REPORT],
    "ablate-sampler": [
        "distill sampling.mode_guidance_scale*4 diffusion.sampler*2 seed*3",
        REPORT,
    ],
    "ablate-component": ["distill method*3 seed*3", REPORT],
    "ablate-ipc": ["distill ipc*7 method*2 seed*3", REPORT],
    "try-plain": [f"{ROWS} method*1 seed*3"],
    "try-adaptation": [f"{ROWS} sampling.mode_guidance_adaptation*2 seed*3"],
    "try-schedule": [f"{ROWS} sampling.mode_guidance_schedule*2 seed*3"],
    "try-tangent": [f"{ROWS} sampling.tangent_components*2 sampling.mode_guidance_scale*3 seed*3"],
    "try-repulsion": [f"{ROWS} sampling.repulsion_scale*2 seed*3"],
    "try-coupling": [f"{ROWS} sampling.noise_coupling*1 seed*3"],
    "try-candidates": [f"{ROWS} sampling.candidates*3 sampling.candidate_score*2 seed*3"],
    "try-pooled": [f"{ROWS} modes.mode_finder*1 seed*3"],
    "try-weights": [f"{ROWS} trainings.mode_weight_exponent*2 seed*3"],
    "mixture": ["illustrate"],
    "tune-finder": [f"{ROWS} method*2 seed*3", f"{ROWS} modes.mode_finder*3 seed*3", "compare"],
    "tune-many": [
        f"{ROWS} seed*1",
        f"{ROWS} modes.mode_finder*2 sampling.stop_guidance_step*2 "
        "sampling.mode_guidance_scale*2 seed*1",
        *(f"{ROWS} modes.mode_finder*2 seed*1", "compare"),
    ],
    "tune-length": [f"{ROWS} method*3 seed*2", "compare"],
}
SUMS = {
    "mnist": {"results": 295, "options": 71, "ablations": 162, "tune": 18},
    "imagenette64": {"results": 215, "options": 71, "ablations": 141, "tune": 59},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Make a project that has what sweeps ask for before they start: teachers and photos."""
    folder = make_project(tmp_path_factory.mktemp("measured"))
    save_prior(folder / "data/06_models/imagenette64")
    path = folder / "conf/mnist/parameters.yml"
    # Soft labels are published for some numbers of images alone.
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "ipc": 10}))
    for benchmark, side in SIDES.items():
        table = (folder / "data/01_raw/classes" / f"{benchmark}.tsv").read_text()
        wnids = [line.split("\t")[0] for line in table.splitlines()]
        for split in ("test", "holdout"):
            teacher = folder / "data/06_models/teachers" / f"{benchmark}-{split}"
            save_teacher(teacher, "convnet1_bn", wnids, side)
    for part in ("train", "val"):
        for wnid in wnids:
            (folder / "photos" / part / wnid).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(folder / "photos" / part / wnid / "1.png")
    return folder


@pytest.fixture(scope="module")
def parts_of(project):
    """Return what reads the parts of a sweep of an environment."""
    bootstrap_project(project)
    known = {}
    for env in SIDES:
        with chdir(project), KedroSession.create(project, env=env) as session:
            loader = session.load_context().config_loader
            loader.place("benchmark")
            known[env] = loader["sweeps"]
    return lambda env, name: read_parts(known[env], name, {})


def told(part):
    """Return what a part runs, and how many values its axes have."""
    nodes = part.options.get("to_nodes")
    axes = (f"{axis}*{len(values)}" for axis, values in part.over.items())
    return " ".join((part.options["pipelines"] + (f"/{nodes}" if nodes else ""), *axes))


@pytest.mark.parametrize("env", SIDES)
def test_sweeps_have_the_points_that_committed_rows_are_of(env, parts_of):
    for name, expected in (OF_BOTH | POINTS[env]).items():
        assert [told(part) for part in parts_of(env, name)] == expected, name


@pytest.mark.parametrize("env", SIDES)
def test_sweeps_of_sweeps_are_complete(env, parts_of):
    numbers = {
        name: sum(prod(map(len, part.over.values())) for part in parts_of(env, name))
        for name in SUMS[env]
    }
    assert numbers == SUMS[env]


@pytest.mark.parametrize("env", SIDES)
def test_one_training_a_point_and_nothing_beside_it(env, parts_of):
    for name in OF_BOTH | POINTS[env]:
        for part in parts_of(env, name):
            if part.over:
                assert part.params["jobs"] == part.params["trainings.repeats"] == "1", name
            assert part.params.get("split", "test") == (
                "holdout" if name.startswith(("tune", "try")) else "test"
            )


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ("mnist", "options"),
        ("imagenette64", "labels"),
        *(
            pytest.param(env, name, marks=pytest.mark.slow)
            for env, names in {
                # The first has a few hundred points.
                "mnist": ("results", "tune", "length", "reconstructed"),
                "imagenette64": (
                    *("methods", "prior-small", "length", "reconstructed", "tune"),
                    "tune-frontier",
                ),
            }.items()
            for name in names
        ),
    ],
)
def test_every_sweep_can_be_planned(env, name, project):
    bootstrap_project(project)
    given = ["--params", "data=photos"] if env != "mnist" else []
    with chdir(project):
        result = CliRunner().invoke(cli, ["sweep", name, "--env", env, *given, "--dry-run"])
    assert result.exit_code == 0, result.output
    assert re.match(rf"{name}: \d+ points?\n", result.stdout)


def test_every_target_and_sweep_that_the_pages_name_exists(parts_of):
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
    text = "\n".join(page.read_text() for page in pages)
    targets = set(re.findall(r"(?:`|^)make ([a-z][\w-]*)", text, flags=re.MULTILINE))
    assert {"distill", "test", "results", "bench"} <= targets
    for target in targets:
        command = ["make", "--dry-run", "--old-file=.venv/installed", target]
        subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    sweeps = set(re.findall(r"kedro sweep ([a-z][\w-]*)", text))
    assert {"methods", "tune", "ablate-stop"} <= sweeps
    of_digits = yaml.safe_load((REPOSITORY / "conf/mnist/sweeps.yml").read_text())
    for name in sweeps - {"ablate-NAME"}:
        assert parts_of("mnist" if name in of_digits else "imagenette64", name)
