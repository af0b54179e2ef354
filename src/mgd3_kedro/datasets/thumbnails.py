"""Search for copies of images by small grey versions of them (looks)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

LEAKS = ("pixels", "near", "off")
"""How train images are compared with test images: by their pixels, also as mirrored or slightly
cropped copies, or not at all."""
FREQUENCIES = 8
"""Number of lowest frequencies used in each direction; saving an image again mostly changes higher
ones."""
TOLERANCE = 3.0
"""Root mean square difference in grey values that a copy may have. Saving pieces of photos as JPEG
of quality 50 changes them by at most 0.4 at 224 px and 1.7 at 32 px."""
SHARE = 0.06
"""Maximum difference of a copy as a share of the contrast: in pictures of low contrast, three grey
values are much."""
BITS = 10
"""Number of the 63 hash bits in which a mirrored or cropped copy may differ; unrelated images
differ in half of them."""
NEAR_SHARE = 0.4
"""Maximum difference of a mirrored or cropped copy, as a share of the contrast."""

PAIRS = 2**17
"""Number of pairs of pictures that are compared at a time, in some 100 MB."""


class Match(NamedTuple):
    """An image that looks like an image of another set.

    Args:
        number: Number of the image.
        other: Number of the image in the other set.
    """

    number: int
    other: int


class Thumbnails:
    """Small grey pictures of a set, in which pictures of other sets are searched for.

    Args:
        looks: (N, S, S), uint8.
    """

    def __init__(self, looks: Array) -> None:
        import numpy as np
        from scipy.spatial import KDTree  # type: ignore[import-untyped]

        self._spectra = spectra(looks)
        self._tree = KDTree(self._spectra)
        self._turned = spectra(looks[:, :, ::-1])
        self._hashes = np.concatenate([hash_bits(self._spectra), hash_bits(self._turned)])

    def find_same(self, looks: Array) -> list[Match]:
        """Return the pictures that have the pixels of one of these, even if saved again.

        Args:
            looks: (M, S, S), uint8, small and grey.
        """
        import numpy as np

        asked = spectra(looks)
        distances, others = self._tree.query(asked, distance_upper_bound=TOLERANCE)
        found = np.flatnonzero(np.isfinite(distances))
        contrasts = np.minimum(contrast(asked[found]), contrast(self._spectra[others[found]]))
        return [
            Match(int(number), int(others[number]))
            for number in found[distances[found] <= SHARE * contrasts]
        ]

    def find_near(self, looks: Array) -> list[Match]:
        """Return the pictures that look like one of these or its mirror image.

        Args:
            looks: (M, S, S), uint8, small and grey.

        Source: Perceptual hash of the lowest frequencies (Zauner 2010), confirmed by their
        distance.
        """
        import numpy as np

        asked, known = spectra(looks), np.concatenate([self._spectra, self._turned])
        found: dict[int, int] = {}
        for number, bits in enumerate(hash_bits(asked)):
            for other in np.flatnonzero(np.bitwise_count(self._hashes ^ bits) <= BITS):
                two = np.stack([asked[number], known[other]])
                if np.linalg.norm(two[0] - two[1]) <= NEAR_SHARE * contrast(two).min():
                    found.setdefault(number, int(other) % len(self._spectra))
        return [Match(*pair) for pair in found.items()]


def find_copies(looks: Array) -> list[int]:
    """Return a group number for every picture; pictures of the same pixels share one.

    Args:
        looks: (N, S, S), uint8, small and grey.

    Returns:
        N numbers.
    """
    import numpy as np
    from scipy.sparse import coo_array  # type: ignore[import-untyped]
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]
    from scipy.spatial import KDTree

    # A set may have thousands of equal pictures; without this, it would have millions of pairs.
    known, same = np.unique(spectra(looks), axis=0, return_inverse=True)
    contrasts = contrast(known)
    pairs = KDTree(known).query_pairs(TOLERANCE, output_type="ndarray")
    alike = np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), PAIRS):
        one, other = pairs[start : start + PAIRS].T
        distances = np.linalg.norm(known[one] - known[other], axis=1)
        limits = SHARE * np.minimum(contrasts[one], contrasts[other])
        alike[start : start + PAIRS] = distances <= limits
    graph = coo_array((np.ones(alike.sum()), pairs[alike].T), shape=(len(known), len(known)))
    groups = connected_components(graph, directed=False)[1]
    return [int(groups[number]) for number in same]


def spectra(looks: Array) -> Array:
    """Return the lowest frequencies of pictures (N, S, S), (N, FREQUENCIES ** 2), in grey values.

    The Euclidean distance of two spectra is the root mean square difference of the two pictures in
    these frequencies.
    """
    import numpy as np
    from scipy.fft import dctn  # type: ignore[import-untyped]

    frequencies = dctn(looks.astype(np.float32), axes=(1, 2), norm="ortho")
    lowest = frequencies[:, :FREQUENCIES, :FREQUENCIES].reshape(len(looks), -1)
    return np.asarray(lowest / looks.shape[1])


def contrast(of: Array) -> Array:
    """Return the standard deviation of pictures, (N,), computed from their spectra."""
    import numpy as np

    return np.asarray(np.linalg.norm(of[:, 1:], axis=1))


def hash_bits(of: Array) -> Array:
    """Return the perceptual hash of each spectrum, (N,), uint64.

    A bit tells whether a frequency is stronger than the median of its picture.

    Source: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010.
    """
    import numpy as np

    strong = of[:, 1:] > np.median(of[:, 1:], axis=1, keepdims=True)
    return np.packbits(np.pad(strong, ((0, 0), (1, 0))), axis=1).view(np.uint64)[:, 0]
