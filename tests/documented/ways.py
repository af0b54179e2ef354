"""What becomes of each command: it is run, or a test runs it, or there is a reason why not."""

import re
from enum import Enum
from typing import NamedTuple

MADE = "made"
"""Folder of the clone that has what stands in for the reader's own."""
SHORT = "ipc=2,preset=smoke,jobs=1,trainings.networks=[convnet1],diffusion.num_inference_steps=4"
SUBSTITUTES = {
    r"convert-model facebook/DiT-XL-2-256": f"convert-model {MADE}/pickled",
    r"facebook/DiT-XL-2-256|/path/to/DiT-XL-2-256": f"{MADE}/dit",
    r"stabilityai/sd-vae-ft-mse": f"{MADE}/autoencoder",
    r"/path/to/sd-v1-5": f"{MADE}/stable_diffusion",
    r"image_size=512": "image_size=16",
    r"data=/path/to/my/images,\.\.\.": (
        f"data={MADE}/pets,image_size=16,backbone=stable_diffusion,model={MADE}/stable_diffusion"
    ),
    r"/path/to/my/images": f"{MADE}/pets",
    r"^ln -s /path/to/imagenette-64": f'ln -s "$PWD/{MADE}/photos"',
    r"/path/to/imagenet(te-64)?": f"{MADE}/photos",
    r"/path/to/cifar10": f"{MADE}/photos",
    r"/path/to/(set|folder)": f"{MADE}/set",
    r"images=FOLDER,method=NAME,ipc=IMAGES_PER_CLASS": f"images={MADE}/set,method=mine,ipc=50",
    r"(benchmark=pets.*)data=\.\.\.": rf"\1data={MADE}/pets",
    r"(stable_diffusion.*)model=\.\.\.": rf"\1model={MADE}/stable_diffusion",
    r"classes=pets.tsv,model=\.\.\.": f"image_size=32,classes={MADE}/pets.tsv,model={MADE}/dit",
    r"data=\.\.\.": f"data={MADE}/photos",
    r"stop_guidance_step=50,25,0": "stop_guidance_step=3,1,0",
    r"ablate-NAME": "ablate-stop",
    r"HOST:8786": "localhost:8786",
    r" &$": " & wait $!",
    r"^make distill": "make --old-file=.venv/installed distill",
    r"^(python -m benchmarks --only) .*": r"\1 'step_per_forward_small*' --seconds 1",
    r"^jupyter lab notebooks": "jupyter execute notebooks/*.ipynb",
    r"(&& kedro run)$": rf"\1 --params '{SHORT}'",
}
"""Pattern -> what is run in its place, one after the other: small images and models, few steps."""
OPEN = re.compile(r"\.\.\.|/path/|facebook/|\b[A-Z_]{4,}\b(?!/)")
"""What is left for the reader to fill in."""
SERVERS = {
    "kedro mlflow ui": "http://127.0.0.1:5000",
    "kedro viz run": "http://127.0.0.1:4141",
}
"""Command that ends when it is stopped -> the page that it serves."""
BEFORE = {
    "kedro run --pipelines=export --params method=herding,ipc=50": (
        "kedro run --params method=herding,ipc=50"
    ),
    "kedro run --pipelines=show_class --params 'method=mgd3,shown_methods=[mgd3; unguided]'": (
        "kedro run --pipelines=generate"
    ),
    "kedro run --pipelines=redundancy --params method=mgd3,ipc=50": (
        "kedro run --params method=mgd3,ipc=50"
    ),
    "kedro run --pipelines=report_sweep,show_sweep --params sweep=NAME": (
        "kedro sweep --name NAME --over sampling.stop_guidance_step=3,1"
    ),
}
"""Command -> another that the text around it takes for granted."""
TESTED = {
    r"kedro sweep [a-z][\w-]*( .*)?": "tests/test_makefile.py::test_every_sweep_can_be_planned",
    r"kedro best .*": (
        "tests/search/test_search_session.py::test_a_winner_is_found_and_distils_all_train_images"
    ),
    r"kedro run .*executor\.kind=.*": (
        "tests/pipelines/test_executors_session.py::test_a_run_makes_the_same_with_two_workers"
    ),
    r"kedro run .*store=.*": (
        "tests/pipelines/test_store_session.py::"
        "test_a_run_that_a_bucket_keeps_has_all_that_one_here_has_and_goes_on_elsewhere"
    ),
    r"kedro fetch-data .*": (
        "tests/test_cli_fetch.py::test_images_that_anyone_may_have_are_downloaded_once"
    ),
    r"kedro convert-model model.ckpt .*": (
        "tests/backbones/test_conversion.py::"
        "test_a_converted_checkpoint_predicts_the_noise_of_the_original"
    ),
    r"kedro run .*export\.push=.*": (
        "tests/datasets/test_hub_upload.py::"
        "test_the_folder_becomes_a_private_data_set_and_nothing_else"
    ),
}
"""Pattern of whole commands -> the test that does the same with small things."""
NOT_RUN = {
    r"make test": "it is the test suite",
    r"make faults.*|\.venv/bin/python -m tests\.faults .*": "it runs for an hour",
    r"make mutants.*|\.venv/bin/python -m tests\.mutants .*": "it runs the test suite for hours",
    r"kedro run .*backbone=mine": "the model is the reader's own",
    r"make docs-check|\.venv/bin/python -m tests\.documented .*": "it is this",
    r"make bench": "ten minutes; `python -m benchmarks --only` is run",
    r"python -m benchmarks --device cuda|make gpu|CARD=real .*": "needs a graphics card",
    r"make gpu DEVICE=cpu .*|python -m benchmarks\.gpu .*": "it is for a machine with a card",
    r"pip install 'mgd3_kedro\[.*\]'": "the dev extra has all of them",
    r"pip install mgd3_kedro-.*": "make wheel-check installs the wheel",
    r"\.venv/bin/python -m pip install .*": "make docs-check installs the same before it begins",
}
"""Pattern of whole commands -> why they are not run."""


class Kind(Enum):
    """What becomes of a command."""

    RUN = "run"
    TESTED = "tested"
    NOT_RUN = "not run"


class FeatureSpace(NamedTuple):
    """What becomes of a command.

    Args:
        kind: Whether it is run.
        detail: What is run in the shell, the test, or the reason.
    """

    kind: Kind
    detail: str


def find_way(text):
    """Return what becomes of a command.

    Raises:
        ValueError: If something in it is left for the reader to fill in.
    """
    for kind, table in ((Kind.TESTED, TESTED), (Kind.NOT_RUN, NOT_RUN)):
        for pattern, detail in table.items():
            if re.fullmatch(pattern, text):
                return FeatureSpace(kind, detail)
    return FeatureSpace(Kind.RUN, fill_in(text))


def fill_in(text):
    """Return a command with all that is left to the reader filled in.

    Raises:
        ValueError: Naming what is left.
    """
    filled = text
    for pattern, instead in SUBSTITUTES.items():
        filled = re.sub(pattern, instead, filled)
    if left := OPEN.search(filled.replace("sweep=NAME", "")):
        raise ValueError(
            f"expected a substitute for {left[0]!r} in {text!r}; add one to SUBSTITUTES, or the "
            "command to TESTED or NOT_RUN, in tests/documented/ways.py"
        )
    return filled
