"""Every benchmark of the configuration, and images of one's own in every form."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest
import torch
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from PIL import Image
from tiny_project import PRIOR, REPOSITORY, environment, make_project, run

from mgd3_kedro.datasets.benchmark import BenchmarkDataset

sys.path.insert(0, str(Path(__file__).parent / "datasets"))
from image_sets import image_table, write_arrow, write_folder, write_parquet, write_tar, write_zip

TABLES = REPOSITORY / "data/01_raw/classes"
ENVIRONMENTS = sorted(
    path.parent.name
    for path in (REPOSITORY / "conf").glob("*/parameters.yml")
    if path.parent.name != "base"
)
OWN_PRIOR = "imagenette64"
IMAGENET = [name for name in ENVIRONMENTS if name.startswith("image") and name != OWN_PRIOR]
SIZES = {"imagenet100": 100, "imagenet1k": 1000}


def table_of(name):
    with (TABLES / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def test_every_benchmark_of_the_paper_has_an_environment():
    subsets = [f"imagenet_{letter}" for letter in "abcde"]
    others = ["imagefruit", "imagemeow", "imagesquawk", "imageyellow", "custom", "mnist"]
    asked = ["imagenette", "imagewoof", "imageidc", "imagenet100", "imagenet1k", *subsets, *others]
    assert set(asked) <= set(ENVIRONMENTS)


@pytest.mark.parametrize(
    ("env", "backbone"),
    [
        *((env, "dit") for env in ENVIRONMENTS),
        ("imagewoof", "latent_diffusion"),
        ("imagenet1k", "stable_diffusion"),
    ],
)
def test_an_environment_resolves_with_every_backbone(env, backbone):
    bootstrap_project(REPOSITORY)
    given = {"backbone": backbone, "seed": 3}
    with KedroSession.create(REPOSITORY, env=env, runtime_params=given) as session:
        context = session.load_context()
        parameters, catalog = context.params, context.config_loader["catalog"]
    assert parameters["benchmark"] == env
    # A message about missing images says that `kedro fetch-data` has one of these.
    assert parameters["fetch"]["url"] or parameters["fetch"]["note"]
    own = parameters["backbones"][backbone]
    usual = {"mnist": 1.0, "cifar10": 2.0, OWN_PRIOR: 3.0}.get(env, own["guidance_scale"])
    assert parameters["diffusion"].guidance_scale == usual
    assert parameters["sampling"].stop_guidance_timestep == own["stop_guidance_timestep"]
    assert parameters["sampling"].stop_guidance_step == own["stop_guidance_step"]
    assert catalog["prior"]["family"] == own["family"] == backbone
    assert catalog["prior"]["model"] == own["model"]
    assert f"/{env}/test/{backbone}/" in catalog["latents"]["filepath"]
    assert "/seed3/" in catalog["distilled_images"]["filepath"]


@pytest.mark.parametrize("env", [env for env in ENVIRONMENTS if (TABLES / f"{env}.tsv").exists()])
def test_the_source_that_a_card_names_is_that_of_the_classes(env):
    configured = yaml.safe_load((REPOSITORY / f"conf/{env}/parameters.yml").read_text())
    of_imagenet = all(re.fullmatch(r"n\d{8}", row[0]) for row in table_of(env))
    assert configured["source"] == ("imagenet" if of_imagenet else env)


@pytest.mark.parametrize("env", IMAGENET)
def test_a_class_table_is_a_subset_of_imagenet_with_its_indices_and_names(env):
    rows = table_of(env)
    everything = {wnid: (index, name) for wnid, index, name in table_of("imagenet1k")}
    assert len(rows) == SIZES.get(env, 10)
    assert len({wnid for wnid, _, _ in rows}) == len(rows)
    for wnid, index, name in rows:
        assert everything[wnid] == (index, name)


def test_a_prior_of_ones_own_knows_the_classes_by_their_labels():
    rows, of_imagenet = table_of(OWN_PRIOR), table_of("imagenette")
    assert [(wnid, name) for wnid, _, name in rows] == [(w, name) for w, _, name in of_imagenet]
    assert [int(index) for _, index, _ in rows] == list(range(10))


def test_imagenet_indices_are_the_ranks_of_its_wordnet_ids():
    rows = table_of("imagenet1k")
    assert [int(index) for _, index, _ in rows] == list(range(1000))
    assert [wnid for wnid, _, _ in rows] == sorted(wnid for wnid, _, _ in rows)


def test_imageidc_is_the_first_ten_of_the_list_and_not_of_the_sorted_list():
    hundred = table_of("imagenet100")
    assert table_of("imageidc") == hundred[:10]
    assert set(table_of("imageidc")) != set(sorted(hundred)[:10])


@pytest.mark.parametrize(
    ("env", "first", "last"),
    [
        ("imagenette", ("n01440764", 0), ("n03888257", 701)),
        ("imagewoof", ("n02096294", 193), ("n02105641", 229)),
        ("imageidc", ("n02869837", 452), ("n01773797", 74)),
        ("imagenet100", ("n02869837", 452), None),
        ("imagenet_a", ("n02111129", 255), None),
        ("imagenet_b", ("n02006656", 129), None),
        ("imagenet_c", ("n03393912", 565), None),
        ("imagenet_d", ("n01518878", 9), None),
        ("imagenet_e", ("n04277352", 816), None),
        ("imagefruit", ("n07753275", 953), None),
        ("imagemeow", ("n02123045", 281), None),
        ("imagesquawk", ("n01806143", 84), None),
        ("imageyellow", ("n02206856", 309), None),
        ("imagenet1k", ("n01440764", 0), ("n15075141", 999)),
    ],
)
def test_labels_are_lines_of_the_published_list(env, first, last):
    dataset = BenchmarkDataset(filepath=str(TABLES / f"{env}.tsv"), name=env, image_size=256)
    classes = dataset.load().classes
    assert (classes[0].label, classes[0].wnid, classes[0].class_index) == (0, *first)
    if last:
        assert (classes[-1].wnid, classes[-1].class_index) == last


def jpeg(number):
    pixels = torch.randint(0, 256, (40, 36, 3), generator=torch.Generator().manual_seed(number))
    buffer = io.BytesIO()
    Image.fromarray(pixels.to(torch.uint8).numpy()).save(buffer, "JPEG")
    return buffer.getvalue()


def files_of(split):
    start = 0 if split == "train" else 100
    names = [f"{name}/{i}.jpg" for name in ("garden_cat", "dog") for i in range(4)]
    return {name: jpeg(start + number) for number, name in enumerate(names)}


def tree():
    return {
        f"{split}/{name}": data
        for split in ("train", "val")
        for name, data in files_of(split).items()
    }


def tables(folder):
    for split in ("train", "val"):
        write_parquet(folder / f"{split}.parquet", image_table(files_of(split), labels="names"))
    return folder


def saved(folder):
    for split in ("train", "val"):
        path = folder / split / "data-00000-of-00001.arrow"
        write_arrow(path, image_table(files_of(split), labels="names"))
    return folder


FORMS = {
    "folders": lambda folder: write_folder(folder, tree()),
    "zip": lambda folder: write_zip(folder.with_suffix(".zip"), tree()),
    "tar": lambda folder: write_tar(folder.with_suffix(".tar"), tree()),
    "parquet": tables,
    "arrow": saved,
}


@pytest.fixture(scope="module")
def project_of_any(tmp_path_factory):
    """Make a project with the smallest prior, for images of anyone."""
    return make_project(tmp_path_factory.mktemp("any"))


@pytest.mark.parametrize("form", FORMS)
def test_images_of_ones_own_are_distilled_whatever_they_are_kept_in(form, project_of_any, tmp_path):
    table = tmp_path / "pets.tsv"
    table.write_text("dog\t0\tdog\ngarden_cat\t1\tgarden cat\n")
    given = {
        "data": str(FORMS[form](tmp_path / "pets")),
        "classes": str(table),
        "image_size": 32,
        "model": str(project_of_any / PRIOR),
        "evaluation": {"presets": {"smoke": 0.0005}, "validations": 1, "threads": 1},
        "trainings": {"networks": ["convnet1"], "repeats": 1},
    }
    with environment(project_of_any, "custom", **given):
        run(project_of_any, "distill", env="custom", label=form)
    reports = project_of_any / "data/08_reporting/custom/test"
    described = json.loads((reports / "benchmark.json").read_text())["classes"]
    assert described == [
        {
            "label": label,
            "wnid": name,
            "class_index": label,
            "class_name": name.replace("_", " "),
            "train_images": 4,
        }
        for label, name in enumerate(["dog", "garden_cat"])
    ]
    output = project_of_any / f"data/07_model_output/custom/test/dit/ipc2/mgd3,label={form}/seed0"
    images = sorted(output.glob("images/*/*.png"))
    assert [str(path.relative_to(output / "images")) for path in images] == [
        "dog/0.png",
        "dog/1.png",
        "garden_cat/0.png",
        "garden_cat/1.png",
    ]
    with Image.open(images[0]) as image:
        assert image.size == (32, 32)
    # The same images, in whatever they come, give the same distilled images.
    first = output.with_name("seed0").parents[1] / "mgd3,label=folders/seed0/images"
    assert [path.read_bytes() for path in images] == [
        (first / path.relative_to(output / "images")).read_bytes() for path in images
    ]


def test_a_class_table_names_and_orders_the_classes_of_ones_own(project_of_any, tmp_path):
    table = tmp_path / "pets.tsv"
    table.write_text("garden_cat\t7\ttabby, tabby cat\ndog\t2\tbeagle\n")
    given = {
        "data": str(FORMS["folders"](tmp_path / "pets")),
        "classes": str(table),
        "image_size": 32,
        "model": str(project_of_any / PRIOR),
    }
    with environment(project_of_any, "custom", **given):
        run(project_of_any, "encode", env="custom")
    described = json.loads(
        (project_of_any / "data/08_reporting/custom/test/benchmark.json").read_text()
    )["classes"]
    keys = ("label", "wnid", "class_index", "class_name")
    assert [tuple(row[key] for key in keys) for row in described] == [
        (0, "garden_cat", 7, "tabby, tabby cat"),
        (1, "dog", 2, "beagle"),
    ]
