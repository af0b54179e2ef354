"""Which of several draws of a mode is kept."""

import torch
from tiny_project import save_teacher

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.datasets.model_folder import ModelFolderDataset
from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.evaluation.teacher import load_teacher
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig, Wanted
from mgd3_kedro.pipelines.guided_generate.procedures.choosing import choose_confident
from mgd3_kedro.pipelines.guided_generate.procedures.settings import Denoising, TeacherInput
from mgd3_kedro.stages import Task

DRAWS, MODES, SIDE = 4, 3, 16


def test_the_draw_is_kept_that_a_teacher_is_surest_about(
    make_classes, make_diffusion, make_autoencoding, make_sampling, model_folder, tmp_path
):
    classes = tuple(make_classes(range(3)))
    folder = save_teacher(tmp_path / "one", "convnet1_bn", [spec.wnid for spec in classes], SIDE)
    dataset = ModelFolderDataset(
        model=str(folder), family="classifier", root="/", if_missing="write one"
    )
    teacher = dataset.load().load()
    settings = Denoising(
        image_size=SIDE,
        diffusion=make_diffusion(),
        autoencoder=make_autoencoding(),
        sampling=make_sampling(candidates=DRAWS, candidate_score="confidence"),
        distillation=DistillationConfig(MODES, 0, "equal"),
        mode_finder="kmeans",
        schooling=TeacherInput(classes, SIDE, "cpu"),
    )
    pool = 3 * torch.randn(DRAWS, MODES, 4, 8, 8)
    inputs = {"prior": model_folder, "teacher": teacher}
    autoencoder = load_autoencoder(model_folder, settings.autoencoder)
    images = autoencoder.decode(pool.flatten(0, 1), SIDE)
    with torch.no_grad():
        logits = load_teacher(teacher, classes, SIDE)(normalize(images.float() / 255))
    shares = logits.softmax(1).unflatten(0, (DRAWS, MODES))
    for label, spec in enumerate(classes):
        kept = choose_confident(pool, Task(inputs, Wanted(spec, MODES)), settings)
        assert torch.equal(kept, shares[..., label].argmax(0))
