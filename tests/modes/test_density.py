import torch


def test_dbscan_leaves_outliers_without_a_mode_and_out_of_its_means(planted, find):
    latents, _ = planted
    outliers = 50 + 40 * torch.rand(3, 2, 3, 3) * torch.tensor([1.0, -3.0, 5.0]).view(3, 1, 1, 1)
    found = find("dbscan", torch.cat([latents, outliers]), 5)
    assert found.assignment[-3:].tolist() == [-1, -1, -1]
    assert found.modes.abs().max() < 30
    assert (found.member_counts >= 1).all()


def test_dbscan_keeps_the_largest_clusters_when_there_are_more_than_images(planted, find):
    latents, owners = planted
    found = find("dbscan", latents, 3)
    kept = {owners[found.assignment == mode][0].item() for mode in range(3)}
    assert kept == {0, 1, 2}
    assert found.member_counts.tolist() == [30, 20, 15]
    assert ((owners >= 3) == (found.assignment < 0)).all()


def test_dbscan_splits_the_largest_cluster_when_there_are_too_few(planted, find):
    latents, owners = planted
    found = find("dbscan", latents, 7)
    assert (found.member_counts >= 1).all()
    assert (found.assignment >= 0).all()
    for mode in range(7):
        assert len(set(owners[found.assignment == mode].tolist())) == 1
    assert found.member_counts.min() >= 5
    # The two largest clusters, of 30 and 20, are halved; the others stay whole.
    parts = [len(set(found.assignment[owners == owner].tolist())) for owner in range(5)]
    assert parts in ([2, 2, 1, 1, 1], [3, 1, 1, 1, 1])
