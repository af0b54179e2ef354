"""Which of several draws a student has most to learn from."""

import pytest
import torch

from mgd3_kedro.sampling import choose_learnable, measure_learnability

STUDENT = torch.tensor([[1.0, 4.0, 2.0], [3.0, 5.0, 2.0]])
TEACHER = torch.tensor([[0.5, 1.0, 1.0], [2.8, 3.0, 1.0]])


@pytest.mark.parametrize(
    ("omega", "scores", "chosen"),
    [
        (1, [[0.5, 3.0, 1.0], [0.2, 2.0, 1.0]], [0, 0, 0]),
        (0, [[1.0, 4.0, 2.0], [3.0, 5.0, 2.0]], [1, 1, 0]),
        (0.5, [[0.75, 3.5, 1.5], [1.6, 3.5, 1.5]], [1, 0, 0]),
    ],
)
def test_the_draw_is_kept_that_the_teacher_knows_and_the_student_does_not(omega, scores, chosen):
    found = measure_learnability(STUDENT, TEACHER, omega)
    assert torch.allclose(found, torch.tensor(scores, dtype=torch.float64), atol=1e-6)
    assert choose_learnable(found).tolist() == chosen


def test_a_student_that_says_what_the_teacher_says_leaves_the_first_draw():
    losses = torch.rand(4, 7, generator=torch.Generator().manual_seed(0))
    scores = measure_learnability(losses, losses.clone(), 1)
    assert not scores.any()
    assert choose_learnable(scores).tolist() == [0] * 7
