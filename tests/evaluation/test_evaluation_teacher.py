import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.evaluation import build_network
from mgd3_kedro.evaluation.teacher import describe_teacher, load_teacher
from mgd3_kedro.records import ModelFolder

WNIDS = ("n3", "n1", "n2")
SIZE = 16


def classes_of(*wnids, indices=None):
    indices = indices or range(len(wnids))
    return tuple(
        ClassSpec(label, wnid, index, f"thing {wnid}")
        for label, (wnid, index) in enumerate(zip(wnids, indices, strict=True))
    )


@pytest.fixture
def network():
    """Return a network with statistics of its own, as one that was trained."""
    network = build_network("resnet18_bn", len(WNIDS), SIZE)
    network(torch.randn(8, 3, SIZE, SIZE))
    return network.eval()


@pytest.fixture
def folder(network, tmp_path):
    """Return it on disk."""
    described = describe_teacher(network, "resnet18_bn", SIZE, WNIDS, {"epochs": 3})
    for name, content in described.items():
        mode = "wb" if isinstance(content, bytes) else "w"
        with (tmp_path / name).open(mode) as file:
            file.write(content)
    return ModelFolder(tmp_path, "0", "classifier")


@pytest.fixture
def images():
    return torch.randn(5, 3, SIZE, SIZE)


def test_a_teacher_says_after_loading_what_it_said_before(network, folder, images):
    teacher = load_teacher(folder, classes_of(*WNIDS), SIZE)
    with torch.no_grad():
        assert torch.equal(teacher(images), network(images))
    assert not teacher.training
    assert not any(weights.requires_grad for weights in teacher.parameters())


@pytest.mark.parametrize(("wnids", "places"), [(("n1", "n2", "n3"), (1, 2, 0)), (("n2",), (2,))])
def test_logits_are_those_of_the_classes_asked_for_in_their_order(
    wnids, places, network, folder, images
):
    teacher = load_teacher(folder, classes_of(*wnids), SIZE)
    with torch.no_grad():
        assert torch.equal(teacher(images), network(images)[:, list(places)])


def test_facts_about_the_training_are_written_down(folder):
    config = json.loads((folder.path / "config.json").read_text())
    assert config["training"] == {"epochs": 3}
    assert config["wnids"] == list(WNIDS)


def rewrite(folder, **changes):
    path = folder.path / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, **changes}))


def lose_a_weight(folder):
    path = folder.path / "model.safetensors"
    weights = load_file(path)
    weights.pop("classifier.weight")
    save_file(weights, path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f.path / "config.json").unlink(), "expected a config.json in"),
        (lambda f: (f.path / "config.json").write_text("{"), "expected a config.json in"),
        (
            lambda f: (f.path / "config.json").write_text("[]"),
            "expected a network of train_teacher",
        ),
        (lambda f: (f.path / "config.json").write_text("{}"), "has neither `network` nor"),
        (lambda f: rewrite(f, network="resnet0"), "unknown network 'resnet0'"),
        (lambda f: rewrite(f, network="resnet18"), "expected weights of a resnet18 in"),
        (lambda f: rewrite(f, wnids=["n1"]), "expected weights of a resnet18_bn in"),
        (lambda f: (f.path / "model.safetensors").unlink(), "expected weights of a resnet18_bn"),
        (lambda f: (f.path / "model.safetensors").write_bytes(b"{}" * 9), "expected weights of a"),
        (lose_a_weight, r"expected weights .*classifier\.weight"),
    ],
)
def test_a_teacher_that_is_broken_is_refused(spoil, message, folder):
    spoil(folder)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        load_teacher(folder, classes_of("n1"), SIZE)


def test_a_class_that_it_does_not_know_is_named(folder):
    with pytest.raises(
        ValueError, match=r"knows all 3 classes, .* lacks 2 of them, the first is n8 \(thing n8\)"
    ):
        load_teacher(folder, classes_of("n1", "n8", "n9"), SIZE)


def test_images_of_another_size_are_refused_with_the_way_out(folder):
    with pytest.raises(
        ValueError, match=r"trained at 32 px, got .* trained at 16 px; .*evaluation\.image_size=16"
    ):
        load_teacher(folder, classes_of("n1"), 32)


@pytest.fixture
def published(tmp_path):
    """Return a tiny classifier of transformers, on disk, and the network itself."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 4], depths=[1, 1], num_labels=7, layer_type="basic"
    )
    network = transformers.ResNetForImageClassification(config)
    network(torch.randn(8, 3, SIZE, SIZE))
    network.eval().save_pretrained(tmp_path / "published", safe_serialization=True)
    return ModelFolder(tmp_path / "published", "1", "classifier"), network


def test_a_classifier_of_transformers_knows_classes_by_their_index(published, images):
    folder, network = published
    teacher = load_teacher(folder, classes_of("n1", "n2", "n3", indices=(6, 0, 3)), SIZE)
    with torch.no_grad():
        assert torch.equal(teacher(images), network(images).logits[:, [6, 0, 3]])
        assert teacher(torch.randn(1, 3, 24, 24)).shape == (1, 3)


def test_one_in_half_precision_is_computed_in_single(published, images):
    folder, network = published
    network.half().save_pretrained(folder.path, safe_serialization=True)
    teacher = load_teacher(
        ModelFolder(folder.path, "half", "classifier"), classes_of("n1", "n2"), SIZE
    )
    with torch.no_grad():
        expected = network.float()(images).logits[:, :2]
        assert torch.allclose(teacher(images), expected, atol=1e-5)


def test_a_class_index_beyond_its_classes_is_refused(published):
    with pytest.raises(ValueError, match=r"lacks 1 of them, the first is n2 \(thing n2\)"):
        load_teacher(published[0], classes_of("n1", "n2", indices=(6, 7)), SIZE)


def forget(weights):
    weights.pop("classifier.1.weight")


def shrink(weights):
    weights["classifier.1.weight"] = weights["classifier.1.weight"][:3].clone()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(forget, r"expected all weights .*classifier\.1\.weight"), (shrink, "expected a classifier")],
)
def test_no_weight_of_a_published_classifier_is_left_to_chance(spoil, message, published):
    folder = published[0]
    path = folder.path / "model.safetensors"
    weights = load_file(path)
    spoil(weights)
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=message):
        load_teacher(folder, classes_of("n1"), SIZE)


@pytest.mark.parametrize("content", [None, b"0" * 100])
def test_a_published_classifier_without_readable_weights_is_refused(content, published):
    folder = published[0]
    path = folder.path / "model.safetensors"
    path.unlink()
    if content:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="expected a classifier of transformers in"):
        load_teacher(folder, classes_of("n1"), SIZE)
