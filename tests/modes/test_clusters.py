import numpy as np
import pytest
import torch

from mgd3_kedro.modes.clusters import gather_clusters, make_mode_set, repeats
from mgd3_kedro.records import ModeSet


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_an_empty_cluster_takes_the_point_farthest_from_the_mean_of_its_own():
    points = column(10, 11, 18, 0, 1, 2)
    clusters = gather_clusters(points, np.array([0, 0, 0, 2, 2, 2]), 3)
    assert clusters.labels.tolist() == [0, 0, 1, 2, 2, 2]
    assert clusters.centres.ravel().tolist() == [10.5, 18, 1]
    assert clusters.was_empty.tolist() == [False, True, False]


def test_every_empty_cluster_takes_another_point_and_none_its_only_one():
    points = column(0, 100, 5, 5, 5.5)
    clusters = gather_clusters(points, np.array([0, 1, 2, 2, 2]), 5)
    assert clusters.labels.tolist() == [0, 1, 4, 2, 3]
    assert clusters.was_empty.tolist() == [False, False, False, True, True]


def test_points_without_a_cluster_stay_without():
    clusters = gather_clusters(column(50, 0, 1, 4), np.array([-1, 0, 0, 0]), 2)
    assert clusters.labels.tolist() == [-1, 0, 0, 1]


def test_given_centres_hold_while_every_cluster_has_members():
    points, centres = column(0, 1, 5), column(7, 9)
    kept = gather_clusters(points, np.array([0, 0, 1]), 2, centres)
    assert np.array_equal(kept.centres, centres)
    filled = gather_clusters(points, np.array([0, 0, 0]), 2, centres)
    assert filled.centres.ravel().tolist() == [0.5, 5]


def test_where_a_cluster_was_empty_the_centres_of_others_hold():
    points = column(0, 1, 9, 20, 21)
    filled = gather_clusters(points, np.array([0, 0, 0, 1, 1]), 3, column(5, 7, 3))
    assert filled.labels.tolist() == [0, 0, 2, 1, 1]
    assert filled.centres.ravel().tolist() == [0.5, 7, 9]


def test_labels_given_are_not_changed():
    labels = np.array([0, 0, 0])
    gather_clusters(column(0, 1, 5), labels, 2)
    assert labels.tolist() == [0, 0, 0]


def test_repeats_are_all_rows_equal_to_an_earlier_one():
    rows = np.array([[2.0, 1], [0.0, 1], [2, 1], [-0.0, 1], [2, 2], [2, 1]])
    assert repeats(rows).tolist() == [False, False, True, True, False, True]


def test_modes_that_repeat_and_clusters_that_were_empty_are_counted_once_each():
    latents = torch.tensor([0.0, 0, 0, 7, 8]).view(5, 1, 1, 1)
    clusters = gather_clusters(latents.flatten(1).double().numpy(), np.array([0, 0, 1, 2, 2]), 5)
    found = make_mode_set(latents, clusters)
    # The clusters are {0, 0}, {0}, {8}, {7} and, taken from the first, {0}.
    assert sorted(found.modes.flatten().tolist()) == [0, 0, 0, 7, 8]
    assert found.degenerate_clusters == 3


def test_parents_whose_shape_disagrees_are_refused_at_birth():
    modes, assignment, nearest = torch.zeros(3, 1, 2, 2), torch.zeros(5).long(), torch.zeros(3)
    with pytest.raises(ValueError, match=r"parents: expected shape \(3,\), got \(2,\)"):
        ModeSet(modes, assignment, nearest.long(), 0.0, parents=torch.zeros(2).long())
