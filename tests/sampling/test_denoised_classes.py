"""Options of sampling as classes are denoised with a saved model."""

from dataclasses import replace

import pytest
import torch

from mgd3_kedro.backbones import load_autoencoder
from mgd3_kedro.fingerprint import plain_text
from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.pipelines.guided_generate.plan import Common, DistillationConfig, Wanted
from mgd3_kedro.pipelines.guided_generate.procedures.denoising import (
    denoise_classes,
    fitting_batches,
    plan_denoising,
)
from mgd3_kedro.pipelines.guided_generate.procedures.groups import (
    GroupDrawing,
    draw_groups_of_classes,
)
from mgd3_kedro.sampling import choose_candidates
from mgd3_kedro.stages import Task

IPC = 3
ALL = {
    "mode_guidance_adaptation": 0.5,
    "tangent_components": 2,
    "repulsion_scale": 0.1,
    "noise_coupling": "transport",
    "candidates": 2,
}
JOINT = [{"repulsion_scale": 0.1}, {"noise_coupling": "transport"}]
IN_TURN = {"dmgd_scale": 50.0}
WHOLE = [{"transport_scale": 0.5}, IN_TURN, {"mean_matching_scale": 1, "determinantal_scale": 1}]
"""Drifts that look at a class as a whole."""
SEEN = [{"dap_scale": 5.0}, {"dap_scale": 5.0, "dap_of": "mode", "dap_real": 4}]
"""Drifts that ask the network what it sees."""
OTHERS = [
    *WHOLE,
    *SEEN,
    {"condition_noise": 0.5},
    {"boundary_share": 0.5},
    {"manifoldgd_scale": 5.0},
]
OPTIONS = [{name: value} for name, value in ALL.items()] + [ALL, *OTHERS]


@pytest.fixture(autouse=True)
def forget_batches():
    fitting_batches.cache_clear()
    yield
    fitting_batches.cache_clear()


@pytest.fixture
def tasks(make_classes, model_folder):
    """Return wnid -> what three classes are denoised from."""
    loaded = {}
    for spec in make_classes([5, 0, 2]):
        real = torch.randn(20, 4, 8, 8, generator=torch.Generator().manual_seed(spec.label))
        found = {"modes": real[:IPC].clone(), "assignment": torch.arange(20) % IPC}
        given = {"latents": {"latents": real}, "modes": found, "prior": model_folder}
        loaded[spec.wnid] = Task(given, Wanted(spec, IPC))
    return loaded


@pytest.fixture
def unlike(tasks):
    """Return the same tasks, with other numbers of modes in every class."""
    return {
        wnid: replace(
            task,
            inputs={
                **task.inputs,
                "modes": {
                    "modes": task.inputs["latents"]["latents"][:count].clone(),
                    "assignment": torch.arange(20) % count,
                },
            },
            about=Wanted(task.about.spec, count),
        )
        for (wnid, task), count in zip(tasks.items(), (2, 5, 1), strict=True)
    }


@pytest.fixture
def plan(make_diffusion, make_autoencoding, make_sampling, make_classes):
    """Plan images with so many at once and some options on."""

    def make(max_batch=9, ipc=IPC, compiled=False, **changes):
        steps = {"num_inference_steps": 4, "compile": compiled}
        asked = {
            "image_size": 16,
            "diffusion": make_diffusion(**steps, max_batch=max_batch),
            "autoencoder": make_autoencoding(),
            "sampling": make_sampling(stop_guidance_step=1),
            "distillation": DistillationConfig(ipc, 0, "equal"),
            "modes": ModesConfig("kmeans", ipc, 0, 10, 8, 50, "equal"),
        }
        return plan_denoising(changes, Common(classes=tuple(make_classes([5, 0, 2])), **asked))

    return make


def bytes_of(made):
    return {wnid: each.value.numpy().tobytes() for wnid, each in made.items()}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: "+".join(option))
def test_classes_are_the_same_whatever_classes_and_batches_they_are_made_with(option, tasks, plan):
    settings = plan(**option).settings
    together = bytes_of(denoise_classes(tasks, settings))
    alone = {}
    for wnid in reversed(tasks):
        alone |= bytes_of(denoise_classes({wnid: tasks[wnid]}, settings))
    fitting_batches.cache_clear()
    smaller = bytes_of(denoise_classes(tasks, plan(max_batch=4, **option).settings))
    assert together == alone == smaller
    assert together != bytes_of(denoise_classes(tasks, plan().settings))


def test_samples_that_are_not_finite_are_refused_by_their_class(tasks, plan):
    *_, wnid = tasks
    tasks[wnid].inputs["modes"]["modes"].fill_(torch.nan)
    with pytest.raises(ValueError, match=f"^class {wnid}: samples: expected finite values, got 3"):
        denoise_classes(tasks, plan().settings)


def test_another_seed_draws_other_images_of_every_class(tasks, plan):
    settings = plan().settings
    other = replace(settings, distillation=replace(settings.distillation, seed=1))
    first, second = (bytes_of(denoise_classes(tasks, of)) for of in (settings, other))
    assert all(first[wnid] != second[wnid] for wnid in tasks)


@pytest.mark.parametrize("option", [{}, *OPTIONS], ids=lambda option: "+".join(option) or "none")
def test_classes_of_unlike_sizes_have_an_image_for_each_of_their_modes(option, unlike, plan):
    made = denoise_classes(unlike, plan(**option).settings)
    assert [each.count for each in made.values()] == [2, 5, 1]
    for wnid, each in made.items():
        assert [row["image"] for row in each.rows] == [f"{wnid}/{i}.png" for i in range(each.count)]
        assert [row["mode"] for row in each.rows] == [*range(each.count)]
        assert len(each.value) == each.count
    alone = {}
    for wnid in reversed(unlike):
        fitting_batches.cache_clear()
        alone |= bytes_of(denoise_classes({wnid: unlike[wnid]}, plan(5, **option).settings))
    assert bytes_of(made) == alone


@pytest.mark.parametrize("candidates", [1, 2])
def test_classes_of_one_index_have_noise_of_their_own(candidates, tasks, plan):
    # As those of a table that has one number for all, for a model that knows them by name.
    (task, *_) = tasks.values()
    wanted = [replace(task.about, twin=twin) for twin in (0, 1, 2)]
    alike = {f"n{one.twin}": replace(task, about=one) for one in wanted}
    made = denoise_classes(alike, plan(plain=True, candidates=candidates).settings)
    assert len({one.value.numpy().tobytes() for one in made.values()}) == 3
    settings = plan(plain=True, candidates=candidates).settings
    assert made["n0"].value.equal(denoise_classes({"n0": task}, settings)["n0"].value)


def test_the_kept_of_some_draws_are_told_by_number(tasks, plan):
    made = denoise_classes(tasks, plan(candidates=4).settings)
    numbers = {wnid: [row["candidate"] for row in each.rows] for wnid, each in made.items()}
    kept = {number for of_class in numbers.values() for number in of_class}
    assert kept <= {0, 1, 2, 3}
    assert len(kept) > 1
    plain = denoise_classes(tasks, plan().settings)
    for wnid, each in plain.items():
        assert not any("candidate" in row for row in each.rows)
        same = [number == 0 for number in numbers[wnid]]
        equal = (made[wnid].value == each.value).flatten(1).all(1)
        assert equal.tolist() == same


def test_the_kept_are_nearer_to_the_real_latents_than_the_first_draws(tasks, plan, monkeypatch):
    pools = []

    def watch(pool, real):
        chosen = choose_candidates(pool, real)
        pools.append((pool, real, chosen))
        return chosen

    monkeypatch.setattr(
        "mgd3_kedro.pipelines.guided_generate.procedures.choosing.choose_candidates", watch
    )
    denoise_classes(tasks, plan(candidates=4).settings)
    assert len(pools) == len(tasks)
    for (pool, real, chosen), task in zip(pools, tasks.values(), strict=True):
        assert torch.equal(real, task.inputs["latents"]["latents"])
        kept = pool[chosen, torch.arange(IPC)]
        sums = [
            torch.cdist(real.flatten(1), each.flatten(1)).amin(1).sum() for each in (kept, pool[0])
        ]
        assert sums[0] <= sums[1]


@pytest.mark.parametrize("option", [*JOINT, ALL], ids=lambda option: "+".join(option))
def test_a_batch_that_cannot_hold_a_class_is_refused_with_what_to_do(option, plan):
    named = " and ".join(name for name in ("repulsion_scale", "noise_coupling") if name in option)
    message = (
        f"^max_batch: expected at least the 10 images of a class, .* by {named}, got 9; "
        "raise diffusion.max_batch"
    )
    with pytest.raises(ValueError, match=message):
        plan(max_batch=9, ipc=10, **option)
    assert plan(max_batch=10, ipc=10, **option).group_size == 1


@pytest.mark.parametrize(
    "option", [{}, *({name: ALL[name]} for name in list(ALL)[:2]), {"candidates": 2}, *SEEN]
)
def test_images_that_depend_on_themselves_alone_fit_any_batch(option, plan):
    assert plan(max_batch=1, ipc=10, **option).group_size == 1


def test_a_class_that_is_told_bit_by_bit_to_a_compiled_network_is_refused_with_what_to_do(plan):
    message = (
        r"^compile: expected false with condition_noise, .* got true; set diffusion\.compile=false"
        r", or condition_noise=0 where it is set, in methods\.NAME or in sampling$"
    )
    with pytest.raises(ValueError, match=message):
        plan(compiled=True, condition_noise=0.06)
    assert plan(compiled=True).settings.diffusion.compile
    assert plan(compiled=True, boundary_share=0.5).settings.diffusion.compile


def test_images_depend_on_the_classes_of_the_benchmark_only_where_they_are_told_of_another(plan):
    assert plan().settings.among == plan(condition_noise=1, condition_other=0).settings.among == ()
    assert [spec.class_index for spec in plan(condition_noise=1).settings.among] == [5, 0, 2]
    assert "among" not in plain_text(plan().settings)
    assert "among" in plain_text(plan(condition_noise=1).settings)


def test_a_class_is_not_parted_when_memory_runs_out(tasks, plan, monkeypatch):
    from mgd3_kedro.pipelines.guided_generate.procedures import pool

    seen, draw = [], pool.denoise

    def short_of_memory(backbone, modes, *others):
        seen.append(len(modes))
        if len(modes) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return draw(backbone, modes, *others)

    settings = plan(repulsion_scale=0.1).settings
    expected = bytes_of(denoise_classes(tasks, settings))
    fitting_batches.cache_clear()
    monkeypatch.setattr(pool, "denoise", short_of_memory)
    assert bytes_of(denoise_classes(tasks, settings)) == expected
    assert seen == [9, 3, 3, 3]


def test_images_in_turn_are_drawn_after_those_before_and_know_them(unlike, plan, monkeypatch):
    from mgd3_kedro.pipelines.guided_generate.procedures import pool

    seen, draw = [], pool.denoise

    def watch(*given):
        *_, classes, _, _, _, facts, _ = given
        known = [facts[spec]["finished"] for spec in classes]
        latents = draw(*given)
        seen.append(
            [(spec.wnid, *each) for spec, *each in zip(classes, known, latents, strict=True)]
        )
        return latents

    monkeypatch.setattr(pool, "denoise", watch)
    denoise_classes(unlike, plan(**IN_TURN).settings)
    first, second, third = unlike
    wnids = [[wnid for wnid, *_ in turn] for turn in seen]
    assert wnids == [[first, second, third], [first, second], [second], [second], [second]]
    for number, turn in enumerate(seen):
        for wnid, known, _ in turn:
            drawn = [latent for before in seen[:number] for of, _, latent in before if of == wnid]
            assert len(known) == number
            assert all(map(torch.equal, known, drawn))


def test_drawing_in_turn_and_drawing_together_are_refused_at_once(plan):
    message = (
        "^transport_scale and dmgd_scale: expected only one of them, .* drawn together and another"
    )
    with pytest.raises(ValueError, match=message):
        plan(transport_scale=1, **IN_TURN)


def test_options_are_told_in_the_rows_of_every_image(tasks, plan):
    options = {**ALL, "candidates": 1}
    for each in denoise_classes(tasks, plan(**options).settings).values():
        for row in each.rows:
            assert {name: row[name] for name in options} == options


@pytest.mark.parametrize("option", [{}, JOINT[0], IN_TURN], ids=lambda one: "+".join(one) or "none")
def test_groups_are_the_draws_of_a_class_whatever_classes_it_is_drawn_with(option, tasks, plan):
    drawing = GroupDrawing(plan(**option).settings, 3)
    together = draw_groups_of_classes(tasks, drawing)
    plain = denoise_classes(tasks, drawing.denoising)
    for wnid, task in tasks.items():
        groups, fitting = together[wnid].value["latents"], drawing.denoising.autoencoder
        assert groups.shape == (3, IPC, 4, 8, 8)
        assert len({group.numpy().tobytes() for group in groups}) == 3
        autoencoder = load_autoencoder(task.inputs["prior"], fitting)
        assert torch.equal(autoencoder.decode(groups[0], 16), plain[wnid].value)
        fitting_batches.cache_clear()
        alone = draw_groups_of_classes({wnid: task}, replace(drawing, groups=2))[wnid]
        assert torch.equal(alone.value["latents"], groups[:2])


def test_rows_of_groups_tell_the_group_and_are_those_of_a_class_without_groups(unlike, plan):
    settings = plan().settings
    drawn = draw_groups_of_classes(unlike, GroupDrawing(settings, 2))
    for wnid, plain in denoise_classes(unlike, settings).items():
        rows, first = drawn[wnid].rows, len(plain.rows)
        assert drawn[wnid].count == len(rows) == 2 * first
        assert [row["group"] for row in rows] == [0] * first + [1] * first
        assert [row["image"] for row in rows] == [row["image"] for row in plain.rows] * 2
        assert drawn[wnid].metrics == plain.metrics
        for row, of_plain in zip(rows[:first], plain.rows, strict=True):
            assert row == {**of_plain, "group": 0, "candidate_score": row["candidate_score"]}


def test_groups_that_are_not_finite_are_refused_by_their_class(tasks, plan):
    *_, wnid = tasks
    tasks[wnid].inputs["modes"]["modes"].fill_(torch.nan)
    with pytest.raises(ValueError, match=f"^class {wnid}: samples: expected finite values, got 3"):
        draw_groups_of_classes(tasks, GroupDrawing(plan().settings, 2))
