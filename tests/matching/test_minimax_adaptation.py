import copy

import pytest
import torch
from tiny_dit import CLASSES, SHAPE, make_dit
from torch.func import functional_call

from mgd3_kedro.matching.adaptation import Adaptation

WIDTH = 16
TABLE = "norm1.emb.class_embedder.embedding_table.weight"


def question(count=6):
    return (
        (torch.randn(count, *SHAPE),),
        {
            "timestep": torch.linspace(0, 999, count).long(),
            "class_labels": torch.arange(count) % (CLASSES + 1),
        },
    )


def shaken(transformer, scaled_blocks):
    """Return an adaptation whose weights have moved."""
    adaptation = Adaptation(transformer, scaled_blocks)
    with torch.no_grad():
        for parameter in adaptation.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return adaptation


@torch.no_grad()
def test_a_new_adaptation_changes_nothing():
    transformer = make_dit()
    args, kwargs = question()
    adaptation = Adaptation(transformer, 2)
    adapted = functional_call(transformer, adaptation.weights(transformer), args, kwargs).sample
    assert torch.equal(adapted, transformer(*args, **kwargs).sample)


@torch.no_grad()
@pytest.mark.parametrize("scaled_blocks", [0, 1, 2])
def test_scale_factors_multiply_what_the_layers_give(scaled_blocks):
    transformer = make_dit()
    adaptation = shaken(transformer, scaled_blocks)
    reference = copy.deepcopy(transformer)
    names = [name for name, _ in reference.named_parameters()]
    biased = [name for name in names if name.endswith("bias") or TABLE in name]
    own = dict(reference.named_parameters())
    unscaled = Adaptation(transformer, 0)
    for value, moved in zip(unscaled.values, adaptation.values, strict=True):
        value.copy_(moved)
    for name, weight in unscaled.weights(transformer).items():
        assert name in biased
        own[name].copy_(weight)

    def multiply(factors):
        return lambda module, inputs, output: output * factors

    scales = iter(adaptation.scales)
    for block in reference.transformer_blocks[:scaled_blocks]:
        attention = block.attn1
        for layer in (attention.to_q, attention.to_k, attention.to_v, attention.to_out[0]):
            layer.register_forward_hook(multiply(next(scales)[0]))
        of_attention, of_mlp = next(scales)
        one = torch.ones(WIDTH)
        # shift, scale and gate of attention, then those of the feed-forward part.
        rows = torch.cat([one, one, of_attention, one, one, of_mlp])
        block.norm1.linear.register_forward_hook(multiply(rows))
    assert next(scales, None) is None
    args, kwargs = question()
    adapted = functional_call(transformer, adaptation.weights(transformer), args, kwargs).sample
    expected = reference(*args, **kwargs).sample
    assert torch.allclose(adapted, expected, atol=1e-5)
    assert not torch.allclose(adapted, transformer(*args, **kwargs).sample, atol=1e-2)


@torch.no_grad()
def test_what_is_applied_is_what_was_trained():
    transformer = make_dit(shared=False)
    adaptation = shaken(transformer, 1)
    args, kwargs = question()
    adapted = functional_call(transformer, adaptation.weights(transformer), args, kwargs).sample
    adaptation.apply_to(transformer)
    assert torch.equal(transformer(*args, **kwargs).sample, adapted)


@pytest.mark.parametrize(("shared", "tables"), [(True, 1), (False, 2)])
def test_embeddings_are_trained_once_where_blocks_share_them(shared, tables):
    transformer = make_dit(shared=shared)
    adaptation = shaken(transformer, 2)
    sizes = [tuple(value.shape) for value in adaptation.values]
    assert sizes.count((CLASSES + 1, WIDTH)) == tables
    weights = adaptation.weights(transformer)
    first, second = (weights[f"transformer_blocks.{block}.{TABLE}"] for block in (0, 1))
    assert torch.equal(first, second) == shared
    own = dict(transformer.named_parameters())
    assert not torch.equal(second, own[f"transformer_blocks.1.{TABLE}"])


def test_a_shared_embedding_learns_from_all_blocks():
    transformer = make_dit().requires_grad_(False)
    args, kwargs = question()

    def gradients(adaptation, model):
        output = functional_call(model, adaptation.weights(model), args, kwargs).sample
        output.square().mean().backward()
        return [each.grad for each in adaptation.values if each.shape == (CLASSES + 1, WIDTH)]

    (shared,) = gradients(Adaptation(transformer, 0), transformer)
    # The smallest difference makes them two.
    apart = copy.deepcopy(transformer)
    table = apart.transformer_blocks[1].norm1.emb.class_embedder.embedding_table.weight
    table.view(-1)[0] += 1e-6
    first, second = gradients(Adaptation(apart, 0), apart)
    assert second.abs().max() > 1e-6
    assert torch.allclose(shared, first + second, rtol=1e-3, atol=1e-6)


def test_norms_with_weights_are_trained_too():
    plain = Adaptation(make_dit(), 0)
    affine = make_dit(norm_elementwise_affine=True)
    names = set(Adaptation(affine, 0).weights(affine)) - set(plain.weights(make_dit()))
    expected = {name for name, _ in affine.named_parameters() if ".norm3." in name}
    assert expected
    assert names == expected


def test_layers_without_bias_are_scaled_all_the_same():
    transformer = make_dit(attention_bias=False)
    names = set(shaken(transformer, 1).weights(transformer))
    assert "transformer_blocks.0.attn1.to_q.weight" in names
    assert "transformer_blocks.0.attn1.to_q.bias" not in names


def test_more_scaled_blocks_than_there_are_is_all_of_them():
    transformer = make_dit()
    assert len(Adaptation(transformer, 14).scales) == len(Adaptation(transformer, 2).scales) == 10


def test_weights_move_by_a_share_towards_others():
    transformer = make_dit()
    average, other = Adaptation(transformer, 1), shaken(transformer, 1)
    before = [each.clone() for each in average.parameters()]
    average.move_towards(other, 0.75)
    for moved, start, goal in zip(average.parameters(), before, other.parameters(), strict=True):
        assert torch.allclose(moved, start + 0.25 * (goal - start), atol=1e-6)
    average.move_towards(other, 0.0)
    for moved, goal in zip(average.parameters(), other.parameters(), strict=True):
        assert torch.equal(moved, goal)


def test_the_transformer_is_neither_changed_nor_kept():
    transformer = make_dit()
    before = {name: tensor.clone() for name, tensor in transformer.state_dict().items()}
    adaptation = shaken(transformer, 2)
    adaptation.weights(transformer)
    assert all(torch.equal(each, before[name]) for name, each in transformer.state_dict().items())
    kept = sum(each.numel() for each in adaptation.state_dict().values())
    assert kept < sum(each.numel() for each in before.values()) / 4
