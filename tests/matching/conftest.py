import pytest
import torch


@pytest.fixture
def seeded():
    """Return a new generator of a seed."""
    return lambda seed=0: torch.Generator().manual_seed(seed)


@pytest.fixture
def coloured():
    """Draw noisy images (count, 3, size, size), uint8, of one colour."""

    def draw(colour, count, size=8, seed=0):
        generator = torch.Generator().manual_seed(seed)
        noise = 25 * torch.randn(count, 3, size, size, generator=generator)
        return (torch.tensor(colour).view(3, 1, 1) + noise).clamp(0, 255).to(torch.uint8)

    return draw
