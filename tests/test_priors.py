"""What the folder of a prior says of itself, and who listens."""

import json
from dataclasses import asdict

import pytest
from tiny_project import PRIOR, REPOSITORY

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.config_loader import ProjectConfigLoader
from mgd3_kedro.datasets.benchmark import BenchmarkDataset
from mgd3_kedro.datasets.model_folder import ModelFolderDataset
from mgd3_kedro.priors import (
    NOTES,
    check_classes_of_prior,
    describe_classes,
    known_classes,
    sampling_default,
)

MODELS = REPOSITORY / "data/06_models"
TENCH, SPRINGER, CASTLE = (
    ("n01440764", "tench, Tinca tinca"),
    ("n02102040", "English springer, English springer spaniel"),
    ("n02980441", "castle"),
)


def benchmark_of(*classes, listed=False):
    """Make a benchmark of (wnid, class index, class name)."""
    specs = (ClassSpec(label, *of) for label, of in enumerate(classes))
    return Benchmark("mine", 8, tuple(specs), listed=listed)


@pytest.fixture
def prior(tmp_path):
    """Make the folder of a prior of two classes."""
    specs = (ClassSpec(1, "n02102040", 1, SPRINGER[1]), ClassSpec(0, "n01440764", 0, TENCH[1]))
    (tmp_path / "classes.json").write_text(describe_classes(specs))
    return tmp_path


@pytest.fixture
def published(tmp_path):
    """Make the folder of a prior whose classes have names alone, as diffusers has them."""
    labels = {"0": TENCH[1], "217": SPRINGER[1]}
    (tmp_path / "model_index.json").write_text(json.dumps({"id2label": labels}))
    return tmp_path


def test_classes_are_read_as_they_were_written(prior):
    assert known_classes(prior) == {0: TENCH, 1: SPRINGER}
    assert list(json.loads((prior / "classes.json").read_text())) == ["0", "1"]


@pytest.mark.parametrize(
    "classes",
    [
        [("n01440764", 0, "some fish")],
        [("fish", 0, "Tinca tinca"), ("dog", 1, "english_springer")],
        [("n01440764", 0, "n01440764")],
        [("hat", 7, "a number that the prior has no name for")],
    ],
)
def test_the_same_classes_are_taken_by_their_folder_or_any_of_their_names(classes, prior):
    check_classes_of_prior(benchmark_of(*classes), prior)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            [("n01440764", 0, "tench"), ("dress", 1, "dress")],
            r"^classes: expected the classes of the prior .*, where number 1 is 'English "
            r"springer, English springer spaniel', got 'dress' \(dress\) for this number; name a "
            "prior of these classes with --params model=FOLDER",
        ),
        # As a source without a class table numbers them.
        (
            [("english_springer", 0, "english springer"), ("tench", 1, "tench")],
            "number 0 .* the prior has all classes of mine under other numbers: copy the numbers "
            r"in .*/classes\.json to a class table and name the table with --params classes=TABLE",
        ),
        # Two WordNet ids are two classes, although one word names both.
        ([("n02012849", 0, "tench")], "got 'tench' .n02012849."),
    ],
)
def test_other_classes_than_those_of_the_prior_are_refused(classes, message, prior):
    with pytest.raises(ValueError, match=message):
        check_classes_of_prior(benchmark_of(*classes), prior)


def test_classes_of_a_published_prior_are_compared_by_name(published):
    check_classes_of_prior(
        benchmark_of((TENCH[0], 0, "tench"), ("dog", 217, SPRINGER[1])), published
    )
    # All of ImageNet without a table has WordNet ids for names.
    check_classes_of_prior(benchmark_of(("n01440764", 0, "n01440764")), published)
    with pytest.raises(ValueError, match="number 0 is 'tench, Tinca tinca', got 'castle'"):
        check_classes_of_prior(benchmark_of((CASTLE[0], 0, CASTLE[1])), published)


def test_a_prior_without_names_takes_any_classes(tmp_path):
    (tmp_path / "model_index.json").write_text('{"id2label": null, "vae": ["diffusers", "x"]}')
    check_classes_of_prior(benchmark_of(("dress", 0, "dress")), tmp_path)


@pytest.mark.parametrize("content", ["[1]", '{"x": {}}', '{"0": "tench"}', "{"])
def test_classes_in_another_form_are_refused(content, tmp_path):
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(ValueError, match=r"expected the prior's classes by index in classes\.json"):
        known_classes(tmp_path)


def test_notes_are_no_part_of_what_a_prior_is(save_dit, tmp_path):
    folder = save_dit(folder=tmp_path / "prior")

    def fingerprint():
        settings = {"model": "prior", "family": "dit", "root": str(tmp_path), "if_missing": ""}
        return ModelFolderDataset(**settings).load().fingerprint

    before = fingerprint()
    for name in NOTES:
        (folder / name).write_text("{}")
    assert fingerprint() == before
    (folder / "vae" / NOTES[0]).write_text("{}")
    assert fingerprint() != before


@pytest.mark.parametrize(
    ("name", "table", "guidance_scale"),
    [
        ("mnist", "mnist", 1.0),
        ("cifar10", "cifar10", 2.0),
        ("imagenette64", "imagenette64", 3.0),
        ("imagenette64-small", "imagenette64", 3.0),
    ],
)
def test_the_priors_of_this_project_say_their_classes_and_guidance(name, table, guidance_scale):
    path = REPOSITORY / f"data/01_raw/classes/{table}.tsv"
    classes = BenchmarkDataset(filepath=str(path), name=table, image_size=32).load().classes
    assert known_classes(MODELS / name) == {
        spec.class_index: (spec.wnid, spec.class_name) for spec in classes
    }
    assert sampling_default("guidance_scale", MODELS / name, None) == guidance_scale


def test_what_a_prior_does_not_say_is_as_otherwise(tmp_path):
    assert sampling_default("guidance_scale", tmp_path / "none", 4.0) == 4.0
    (tmp_path / "sampling.json").write_text('{"guidance_scale": 2.5}')
    assert sampling_default("guidance_scale", tmp_path, 4.0) == 2.5
    assert sampling_default("sampler", tmp_path, "ddpm") == "ddpm"
    for content in ("[2.5]", "2.5", "{"):
        (tmp_path / "sampling.json").write_text(content)
        with pytest.raises(ValueError, match=r"sampling\.json: expected settings by name"):
            sampling_default("guidance_scale", tmp_path, 4.0)


def configured(project, **given):
    """Return the guidance scale of a run with what it was given, and what is told of its images."""
    loader = ProjectConfigLoader(
        conf_source=str(project / "conf"), runtime_params=given, env="custom", base_env="base"
    )
    words = loader.words("distilled_images")
    return loader.configured.run["diffusion"]["guidance_scale"], words


def test_a_run_is_guided_as_its_prior_says_and_tells_only_what_it_was_given(project):
    parameters = project / "conf/custom/parameters.yml"
    parameters.write_text(parameters.read_text().replace("  guidance_scale: 2.0\n", ""))
    model = {"model": str(PRIOR)}
    assert configured(project)[0] == configured(project, **model)[0] == 4.0
    (project / PRIOR / "sampling.json").write_text('{"guidance_scale": 2.5}')
    assert configured(project, **model) == (2.5, told := "model=mnist~3ead86")
    # What it would be anyway is no difference; what others have is one here.
    for given, added in ((2.5, ""), (4.0, "guidance_scale=4"), (1.0, "guidance_scale=1")):
        found = configured(project, diffusion={"guidance_scale": given}, **model)
        assert found == (given, f"{added} {told}".strip())
    given = {"backbones": {"dit": {"guidance_scale": 3.0}}}
    assert configured(project, **given)[0] == 3.0


def test_a_benchmark_can_be_described_in_full():
    spec = ClassSpec(0, "owl", 3, "Käuzchen, owl")
    assert json.loads(describe_classes([spec])) == {
        "3": {name: asdict(spec)[name] for name in ("wnid", "class_name")}
    }
