"""What every method asks for, and the nodes and pipelines that follow from it."""

import pytest
from kedro.validation.type_extractor import TypeExtractor
from tiny_project import base_parameters, merged

from mgd3_kedro import pipeline_registry
from mgd3_kedro.backbones import AutoencoderConfig, BackboneConfig
from mgd3_kedro.evaluation import HardLabelConfig
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate import create_pipeline
from mgd3_kedro.pipelines.guided_generate.needs import NEEDS_OF_DRAWS, needs_of
from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig
from mgd3_kedro.sampling import SamplingConfig

PARAMETERS = merged(
    base_parameters("parameters", "parameters_export"),
    {"sampling": {"stop_guidance_step": 25, "stop_guidance_timestep": None}},
)
METHODS = PARAMETERS["methods"]
DRAWN = (
    {"latents", "modes", "prior"},
    {"diffusion", "autoencoder", "sampling", "modes"},
)
TAUGHT = {"evaluation.image_size", "device"}
NEEDS = {
    "mgd3": DRAWN,
    "mgd3_pooled": DRAWN,
    "mgd3_anchored": DRAWN,
    "mgd3_quarters": DRAWN,
    "mgd3_mixed": (DRAWN[0] | {"train_images"}, DRAWN[1]),
    "unguided": DRAWN,
    "d4m": DRAWN,
    "ddoq": DRAWN,
    "transport": DRAWN,
    "dmgd": DRAWN,
    "cgs": DRAWN,
    "dap": DRAWN,
    "manifoldgd": DRAWN,
    "s3": DRAWN,
    "lgd": DRAWN,
    "annealed": DRAWN,
    "boundary": DRAWN,
    "minimax": (DRAWN[0] | {"checkpoints"}, DRAWN[1] | {"device"}),
    "random": ({"train_images"}, set()),
    "kmeans_closest": ({"train_images", "latents", "modes"}, set()),
    "herding": ({"train_images", "latents"}, set()),
    "k_center": ({"train_images", "latents"}, set()),
    "rded": ({"train_images", "teacher"}, TAUGHT),
    "dm": ({"train_images"}, {"device"}),
    "idc1": ({"train_images"}, {"device"}),
    "sre2l": ({"teacher"}, TAUGHT),
}
IN_GROUPS = {"s3"}
"""Methods whose images are drawn by one node and kept by another."""
AT_ONCE = [name for name in NEEDS if name not in IN_GROUPS]
TYPES = {
    "diffusion": BackboneConfig,
    "autoencoder": AutoencoderConfig,
    "sampling": SamplingConfig,
    "modes": ModesConfig,
    "distillation": DistillationConfig,
}


@pytest.fixture
def choose():
    """Choose by parameters; forget it after the test."""
    yield pipeline_registry.choose
    pipeline_registry.choose({**PARAMETERS, "method": "mgd3", "protocol": "hard"})


def needs_with(method, **settings):
    changes = {"methods": {method: {**METHODS[method], **settings}}}
    return needs_of(method, merged(PARAMETERS, changes))


def node_of(method, name="distill_images", needs=None):
    pipeline = create_pipeline(method, needs or needs_of(method, PARAMETERS))
    return next(node for node in pipeline.nodes if node.short_name == name)


def test_every_configured_method_is_among_those_that_are_checked():
    assert set(NEEDS) == set(METHODS)


@pytest.mark.parametrize("method", NEEDS)
def test_a_method_needs_what_its_images_are_made_from(method):
    needs = needs_of(method, PARAMETERS)
    assert (set(needs.entries), set(needs.parameters)) == NEEDS[method]
    assert len(needs.entries) == len(set(needs.entries))
    assert needs.settings == f"methods.{method}"


@pytest.mark.parametrize(
    ("method", "settings", "entries", "parameters"),
    [
        ("random", {"reconstructed": True}, {"latents", "prior"}, {"autoencoder"}),
        ("herding", {"features": "pixels"}, set(), set()),
        ("herding", {"features": "teacher"}, {"teacher"}, TAUGHT),
        ("herding", {"reconstructed": True}, {"latents", "prior"}, {"autoencoder"}),
        ("kmeans_closest", {"features": "pixels"}, set(), {"modes"}),
        ("kmeans_closest", {"features": "teacher"}, {"teacher"}, {"modes", *TAUGHT}),
        (
            "kmeans_closest",
            {"features": "pixels", "reconstructed": True},
            {"latents", "prior"},
            {"modes", "autoencoder"},
        ),
    ],
)
def test_a_selection_needs_what_its_features_are_of(method, settings, entries, parameters):
    needs = needs_with(method, **settings)
    assert set(needs.entries) == {"train_images", *entries}
    assert set(needs.parameters) == parameters


CONFIDENT = {"candidates": 2, "candidate_score": "confidence"}


def test_draws_need_a_teacher_where_it_chooses_between_them():
    of_method = needs_with("mgd3", **CONFIDENT)
    of_all = needs_of("mgd3", merged(PARAMETERS, {"sampling": CONFIDENT}))
    assert of_method._replace(unread=()) == of_all
    assert of_method.unread == ("sampling.candidate_score", "sampling.candidates")
    assert set(of_all.entries) == DRAWN[0] | {"teacher"}
    assert set(of_all.parameters) == DRAWN[1] | TAUGHT
    score = {"candidate_score": "confidence"}
    assert "teacher" not in needs_of("mgd3", merged(PARAMETERS, {"sampling": score})).entries


def test_plain_sampling_needs_no_teacher_whatever_the_common_settings_are():
    confident = merged(PARAMETERS, {"sampling": CONFIDENT})
    assert "teacher" not in needs_of("unguided", confident).entries
    assert "teacher" not in needs_of("minimax", confident).entries
    own = merged(confident, {"methods": {"unguided": CONFIDENT}})
    assert "teacher" in needs_of("unguided", own).entries


@pytest.mark.parametrize(
    "configured",
    [
        None,
        5,
        {},
        {"procedure": "dream"},
        {"procedure": ["denoise"]},
        {"procedure": "select", "coreset": "randm"},
        {"procedure": "select", "coreset": "random", "features": [], "reconstructed": False},
        {"procedure": "denoise", "candidates": "many"},
        {"procedure": "denoise", "scale": 1},
    ],
)
def test_a_method_that_does_not_fit_has_the_needs_of_one_that_draws(configured):
    parameters = {**PARAMETERS, "methods": {"mine": configured}}
    assert needs_of("mine", parameters) == NEEDS_OF_DRAWS._replace(settings="methods.mine")


def test_images_of_others_have_the_needs_of_a_method_that_draws():
    assert needs_of("theirs", PARAMETERS) == NEEDS_OF_DRAWS
    assert "params:methods" in node_of("theirs").inputs


@pytest.mark.parametrize("method", AT_ONCE)
def test_the_node_that_makes_images_reads_what_its_method_needs_and_nothing_else(method):
    entries, parameters = NEEDS[method]
    of_all = {"method", "distillation", f"methods.{method}"}
    expected = {"benchmark", *entries, *(f"params:{name}" for name in parameters | of_all)}
    inputs = node_of(method).inputs
    assert set(inputs) == expected
    assert len(inputs) == len(expected)


OF_GROUPS = ["draw_groups", "compare_groups", "choose_groups"]


@pytest.mark.parametrize("method", NEEDS)
def test_nodes_of_groups_are_there_where_a_method_has_groups(method):
    pipeline = create_pipeline(method, needs_of(method, PARAMETERS))
    found = names_of(pipeline) & {*OF_GROUPS}
    assert found == ({*OF_GROUPS} if method in IN_GROUPS else set())
    entries = {"drawn_groups", "group_features", "chosen_groups"}
    assert entries & pipeline.datasets() == (entries if method in IN_GROUPS else set())


@pytest.mark.parametrize(
    ("features", "entries", "parameters"),
    [
        ("latents", {"latents"}, set()),
        ("pixels", {"train_images", "prior"}, {"autoencoder"}),
        ("teacher", {"train_images", "prior", "teacher"}, {"autoencoder", *TAUGHT}),
    ],
)
def test_nodes_of_groups_read_the_settings_that_are_theirs(features, entries, parameters):
    needs = needs_with("s3", features=features)
    drawn, compared, _ = (set(node_of("s3", name, needs).inputs) for name in OF_GROUPS)
    own = {f"params:methods.s3.{name}" for name in ("draws", "groups")}
    read = {f"params:{name}" for name in (*DRAWN[1], "distillation")}
    assert drawn == {"benchmark", *DRAWN[0], *own, *read}
    shared = {"benchmark", "drawn_groups", "params:methods.s3.features"}
    assert compared == shared | entries | {f"params:{name}" for name in parameters}


def in_increments(ipc, **settings):
    changes = {"ipc": ipc, "methods": {"lgd": settings}}
    return needs_of("lgd", merged(PARAMETERS, changes))


def test_increments_are_judged_by_a_teacher_and_by_a_student_of_all_before():
    needs = in_increments(25)
    assert (set(needs.entries), set(needs.parameters)) == DRAWN
    assert needs.increments == 3
    made = create_pipeline("lgd", needs)
    first, last = (set(node_of("lgd", f"choose_increment_{n}", needs).inputs) for n in (1, 3))
    read = {"distillation", "methods.lgd", "autoencoder"}
    shared = {"benchmark", "drawn_groups", "prior", *(f"params:{name}" for name in read)}
    assert first == shared
    judges = {"teacher", "student_3", "params:student_training"}
    assert last == shared | judges | {f"params:{name}" for name in TAUGHT}
    study = node_of("lgd", "train_student_3", needs).inputs
    assert {name for name in study if name.startswith("increment_")} == {
        "increment_1",
        "increment_2",
    }
    kept = node_of("lgd", "distill_images", needs).inputs
    assert [name for name in kept if name.startswith("increment_")] == [
        f"increment_{number}" for number in (1, 2, 3)
    ]
    known = TypeExtractor({"one": made}).extract_types_from_pipelines()
    assert known["student_training"] is HardLabelConfig


def test_what_increments_are_drawn_from_knows_neither_student_nor_teacher():
    drawn = node_of("lgd", "draw_candidates", in_increments(20)).inputs
    own = {f"params:methods.lgd.{name}" for name in ("draws", "increment_size", "kappa")}
    read = {f"params:{name}" for name in (*DRAWN[1], "distillation")}
    assert set(drawn) == {"benchmark", *DRAWN[0], *own, *read}


@pytest.mark.parametrize(("ipc", "size"), [(10, 10), (3, 10), (1, 1)])
def test_one_increment_is_made_at_once(ipc, size):
    needs = in_increments(ipc, increment_size=size)
    assert (needs.increments, needs.comparison) == (1, None)
    assert not any("student" in name for name in create_pipeline("lgd", needs).datasets())


def test_groups_leave_unread_what_their_draws_have_values_of_their_own_for():
    assert needs_of("s3", PARAMETERS).unread == needs_of("unguided", PARAMETERS).unread
    assert needs_with("s3", draws={"plain": False}).unread == ()


@pytest.mark.parametrize("method", NEEDS)
def test_kedro_builds_what_the_node_reads_as_what_it_is(method):
    pipeline = create_pipeline(method, needs_of(method, PARAMETERS))
    known = TypeExtractor({"one": pipeline}).extract_types_from_pipelines()
    names = {"distillation", *NEEDS[method][1]} & set(TYPES)
    assert known == {name: TYPES[name] for name in names}


@pytest.mark.parametrize("method", NEEDS)
def test_costs_and_provenance_read_what_there_is(method):
    entries = NEEDS[method][0]
    costs = set(node_of(method, "tabulate_cost").inputs)
    assert costs & {"latents", "modes"} == entries & {"latents", "modes"}
    described = node_of(method, "collect_provenance").inputs
    assert ("train_images" in described) == (method != "sre2l")


def names_of(pipeline):
    return {node.short_name for node in pipeline.nodes}


@pytest.mark.parametrize("method", NEEDS)
def test_a_run_encodes_and_finds_modes_where_its_method_needs_them(method, choose):
    choose({**PARAMETERS, "method": method})
    pipelines = pipeline_registry.register_pipelines()
    entries = NEEDS[method][0]
    for name in ("generate", "distill"):
        made = names_of(pipelines[name])
        assert ("encode_images" in made) == ("latents" in entries)
        assert ("discover_modes" in made) == ("modes" in entries)
        assert "distill_images" in made
    free = pipelines["generate"].inputs()
    assert ("prior" in free) == bool({"latents", "prior"} & entries)
    assert "latents" not in free
    assert f"params:methods.{method}" in free


def test_scores_in_latents_are_computed_of_images_made_without(choose):
    choose(merged(PARAMETERS, {"method": "dm", "analysis": {"features": "latents"}}))
    pipelines = pipeline_registry.register_pipelines()
    assert "encode_images" in names_of(pipelines["distill"])
    assert "encode_images" not in names_of(pipelines["generate"])
    assert "discover_modes" not in names_of(pipelines["distill"])


@pytest.mark.parametrize(
    ("configured", "method", "features"),
    [
        (None, "mgd3", "latents"),
        (None, "herding", "latents"),
        (None, "random", "pixels"),
        (None, "sre2l", "pixels"),
        (None, "theirs", "latents"),
        ("pixels", "mgd3", "pixels"),
        ("latents", "random", "latents"),
    ],
)
def test_scores_are_computed_in_latents_where_the_method_has_some(configured, method, features):
    chosen = pipeline_registry.choice_of(
        merged(PARAMETERS, {"method": method, "analysis": {"features": configured}})
    )
    assert chosen.features == features


@pytest.mark.parametrize(
    ("protocol", "labels"),
    [("hard", "given"), ("soft", "teacher"), ("soft_stored", "stored"), ("harder", "given")],
)
def test_labels_are_those_of_the_protocol(protocol, labels):
    assert pipeline_registry.choice_of({**PARAMETERS, "protocol": protocol}).labels == labels


def test_pipelines_are_those_of_mode_guidance_until_others_are_chosen(choose):
    usual = pipeline_registry.Choice()
    assert usual == pipeline_registry.choice_of({**PARAMETERS, "method": "mgd3"})
    choose({**PARAMETERS, "method": "dm"})
    asked = pipeline_registry.build_pipelines(PARAMETERS)
    assert "params:methods.mgd3" in asked["guided_generate"].inputs()
    chosen = pipeline_registry.register_pipelines()["guided_generate"]
    assert "params:methods.dm" in chosen.inputs()
