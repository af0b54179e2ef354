"""A throw-away Kedro project: this one's configuration, a tiny random prior, few images."""

import os
import shutil
import subprocess
import sys
from contextlib import chdir, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import yaml
from diffusers import AutoencoderKL, DDPMScheduler, DiTPipeline, DiTTransformer2DModel
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from mlflow.tracking import MlflowClient

from mgd3_kedro.evaluation import build_network
from mgd3_kedro.evaluation.teacher import describe_teacher
from mgd3_kedro.resolution import without_names

REPOSITORY = Path(__file__).resolve().parents[1]
PRIOR = Path("data/06_models/mnist")
IPC = 2
TRAIN, TEST, HELD_OUT = [0, 16], [400, 405], [12, 16]

STAGES = (
    *("encode", "discover_modes", "guided_generate"),
    *("train_eval", "analyze_diversity", "report"),
)
"""Namespaces of `distill`."""
SMALL = {
    "ipc": IPC,
    "preset": "smoke",
    "jobs": 1,
    "device": "cpu",
    "precision": "fp32",
    "evaluation": {"presets": {"smoke": 0.001}, "validations": 2},
    "trainings": {"networks": ["convnet1"], "repeats": 2},
    "student_training": {"network": "convnet1"},
    "diffusion": {"num_inference_steps": 4, "guidance_scale": 2.0},
    "sampling": {"mode_guidance_scale": 0.1, "stop_guidance_step": 1},
}
"""Parameters of its environment, with which every stage takes moments."""


def base_parameters(*names):
    """Return the parameters of some files of conf/base, not resolved."""
    read = {}
    for name in names:
        read |= yaml.safe_load((REPOSITORY / f"conf/base/{name}.yml").read_text())
    return without_names(read)


def merged(parameters, others):
    """Return nested parameters with others over them."""
    both = {
        name: merged(parameters[name], value)
        for name, value in others.items()
        if isinstance(value, dict) and isinstance(parameters.get(name), dict)
    }
    return {**parameters, **others, **both}


def as_options(parameters, prefix=""):
    """Return nested parameters as the command line has them."""
    options = []
    for name, value in parameters.items():
        if isinstance(value, dict):
            options += as_options(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            options.append(f"{prefix}{name}=[{'; '.join(value)}]")
        else:
            options.append(f"{prefix}{name}={value}")
    return options


def save_prior(folder, scaling_factor=0.9, classes=10):
    """Write a random prior of the smallest size in the format of the shipped one."""
    torch.manual_seed(0)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(4, 4, 4),
        norm_num_groups=2,
        latent_channels=4,
        layers_per_block=1,
        sample_size=32,
        scaling_factor=scaling_factor,
        mid_block_add_attention=False,
    )
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        sample_size=8,
        patch_size=2,
        num_embeds_ada_norm=classes,
    )
    for weights in transformer.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    scheduler = DDPMScheduler(beta_schedule="linear", clip_sample=False)
    DiTPipeline(transformer=transformer, vae=vae, scheduler=scheduler).save_pretrained(folder)


def save_teacher(folder, network, wnids, image_size=32):
    """Write an untrained network as a teacher, and return its folder."""
    torch.manual_seed(0)
    built = build_network(network, len(wnids), image_size).eval()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in describe_teacher(built, network, image_size, wnids, {}).items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)
    return folder


@cache
def empty_store():
    """Return the bytes of a store of MLflow without runs, which takes seconds to make."""
    with TemporaryDirectory() as folder, chdir(folder):
        MlflowClient(tracking_uri="sqlite:///mlflow.db").search_experiments()
        return Path("mlflow.db").read_bytes()


def make_project(folder):
    """Make a project that differs from the repository in its prior and number of images alone."""
    shutil.copytree(REPOSITORY / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copytree(REPOSITORY / "data/01_raw/classes", folder / "data/01_raw/classes")
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    (folder / "src").mkdir()
    splits = {
        "test": {"train": {"rows": TRAIN}, "test": {"rows": TEST}},
        "holdout": {"train": {"rows": [TRAIN[0], HELD_OUT[0]]}, "test": {"rows": HELD_OUT}},
    }
    for env, values in {"mnist": {**SMALL, "splits": splits}, "custom": SMALL}.items():
        path = folder / f"conf/{env}/parameters.yml"
        path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), values)))
    save_prior(folder / PRIOR)
    (folder / "mlflow.db").write_bytes(empty_store())
    return folder


@contextmanager
def environment(project, env, **settings):
    """Have an environment of a project configured with other settings for a while."""
    files = sorted((project / f"conf/{env}").glob("parameters*.yml"))
    before = {path: path.read_text() for path in files}
    for name, value in settings.items():
        having = [path for path in files if name in yaml.safe_load(path.read_text())]
        path = (having or files)[0]
        path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), {name: value})))
    yield
    for path, text in before.items():
        path.write_text(text)


def run(project, *pipelines, env=None, to_nodes=(), **changes):
    """Run pipelines of a project in a session of this process, with changed parameters."""
    bootstrap_project(project)
    # Kedro-Viz writes into the project of the working directory.
    with (
        chdir(project),
        KedroSession.create(project, env=env, runtime_params=changes) as session,
    ):
        session.run(pipeline_names=list(pipelines), to_nodes=list(to_nodes) or None)


def start_command(folder, *arguments, **changes):
    """Start `kedro run` in a process of its own, in any folder of a project."""
    options = ",".join(as_options(changes))
    line = [sys.executable, "-m", "kedro", "run", "--params", options, *arguments]
    variables = {"DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        line,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(project, stage, method="mgd3", *, ipc=IPC, seed=0, split="test"):
    """Return the folder a run keeps its results in."""
    return project / "data" / stage / "mnist" / split / "dit" / f"ipc{ipc}" / method / f"seed{seed}"


def evaluated(project, stage, method="mgd3", *, protocol="hard", **keys):
    """Return the folder that trainings on the images of a run keep their results in."""
    return output(project, stage, method, **keys) / f"{protocol}-smoke"


def images_of(project, method="mgd3", **keys):
    """Return the bytes of every distilled image by its path."""
    folder = output(project, "07_model_output", method, **keys) / "images"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.png"))}


def times_of(folder):
    """Return when every file below a folder was written."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def runs_of(project):
    """Return the MLflow runs of a project, newest first."""
    client = MlflowClient(tracking_uri=f"sqlite:///{project / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mgd3_kedro")
    return client.search_runs([experiment.experiment_id]) if experiment else []
