"""A training whose loss is not finite names the learning rate that is to be lowered."""

import re
from dataclasses import replace

import pytest
import tiny_pretraining
import torch
from judged import BENCHMARK, EVALUATION, JUDGE, split

from mgd3_kedro.evaluation import HardLabelConfig
from mgd3_kedro.pipelines.guided_generate.increments import train_student
from mgd3_kedro.pipelines.pretrain.judge import train_judge
from mgd3_kedro.pipelines.pretrain.latents import EncodedImages
from mgd3_kedro.pipelines.pretrain.nodes import train_autoencoder, train_denoiser
from mgd3_kedro.pipelines.train_teacher.nodes import train_teacher
from mgd3_kedro.training.autoencoder import build_autoencoder
from mgd3_kedro.training.loop import Trained

RATE = 1e30
SCHOOL = HardLabelConfig(
    **{**vars(EVALUATION), "protocol": "hard", "batch_size": 5, "learning_rate": RATE},
    network="convnet1",
    seed=0,
)
AUTOENCODER, DENOISER = (
    replace(config, steps=5, batch_size=4, learning_rate=RATE)
    for config in (tiny_pretraining.AUTOENCODER, tiny_pretraining.DENOISER)
)


def school_a_student(train, test, folder):
    stage = train_student(BENCHMARK, SCHOOL, folder, 12, first=train)
    ((name, task),) = stage.tasks.items()
    parts = tuple({"images": part.load()} for part in task.inputs["increments"])
    return stage.function({name: replace(task, inputs={"increments": parts})}, stage.settings)


def train_a_denoiser(train, test, folder):
    labels = torch.arange(2).repeat_interleave(12)
    encoded = EncodedImages(torch.randn(24, 4, 8, 8), None, labels)
    autoencoder = Trained(build_autoencoder(AUTOENCODER, 16))
    return train_denoiser(BENCHMARK, train, encoded, autoencoder, folder, DENOISER, "cpu")


TRAININGS = {
    "teacher_training": lambda *given: train_teacher(BENCHMARK, *given, SCHOOL),
    "student_training": school_a_student,
    "pretrain.judge": lambda *given: train_judge(
        BENCHMARK, *given, replace(EVALUATION, batch_size=5), replace(JUDGE, learning_rate=RATE)
    ),
    "pretrain.autoencoder": lambda train, test, folder: train_autoencoder(
        BENCHMARK, train, folder, AUTOENCODER, "cpu"
    ),
    "pretrain.denoiser": train_a_denoiser,
}
"""Parameter group -> training with its learning rate."""


@pytest.mark.parametrize("group", TRAININGS)
def test_a_training_that_diverges_names_its_own_learning_rate(group, tmp_path):
    message = rf"expected a finite loss, .* lower {re.escape(group)}\.learning_rate \(1e\+30\) or"
    with pytest.raises(FloatingPointError, match=message):
        TRAININGS[group](split(12, 0), split(4, 1), tmp_path)
