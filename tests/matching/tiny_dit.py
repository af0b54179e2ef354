"""A transformer that is small enough to be fine-tuned in a test."""

import torch

CLASSES = 5
SHAPE = (3, 4, 4)


def make_dit(*, shared=True, learned=False, **changes):
    """Make one with random weights; embeddings are the same in all blocks if `shared`."""
    from diffusers import DiTTransformer2DModel

    settings = {
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "in_channels": SHAPE[0],
        "out_channels": SHAPE[0] * (2 if learned else 1),
        "num_layers": 2,
        "sample_size": SHAPE[1],
        "patch_size": 2,
        "num_embeds_ada_norm": CLASSES,
    }
    with torch.random.fork_rng():
        torch.manual_seed(11)
        model = DiTTransformer2DModel(**(settings | changes)).eval()
    first, *others = model.transformer_blocks
    for block in others if shared else ():
        block.norm1.emb.load_state_dict(first.norm1.emb.state_dict())
    return model
