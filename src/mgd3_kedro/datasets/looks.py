"""Which pictures look the same, told by what is left of them when they are small and grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

LEAKS = ("pixels", "near", "off")
"""Train images are compared with test images by their pixels, or so that mirrored and slightly
cropped ones are found too, or not at all."""
FREQUENCIES = 8
"""Of either direction, the lowest: saving a picture again changes the others most."""
TOLERANCE = 3.0
"""Grey values, the root of the mean square, that a copy may differ by; saved as JPEG of quality 50
pieces of photos differ by at most 0.4 at 224 px and 1.7 at 32 px."""
SHARE = 0.06
"""Of the contrast, that it may differ by at most: in plain pictures three grey values are much."""
BITS = 10
"""Of 63, that the hash of a mirrored or cropped copy may differ in; half of them do by chance."""
NEAR_SHARE = 0.4
"""Of the contrast, that such a copy may differ by."""


class Match(NamedTuple):
    """An image that looks like one of other images.

    Args:
        number: Of the image.
        other: Of the other one.
    """

    number: int
    other: int


class Looks:
    """Pictures that others are looked for in.

    Args:
        looks: (N, S, S), uint8, small and grey.
    """

    def __init__(self, looks: Array) -> None:
        import numpy as np
        from scipy.spatial import KDTree  # type: ignore[import-untyped]

        self._spectra = spectra(looks)
        self._tree = KDTree(self._spectra)
        self._turned = spectra(looks[:, :, ::-1])
        self._hashes = np.concatenate([hash_bits(self._spectra), hash_bits(self._turned)])

    def find_same(self, looks: Array) -> list[Match]:
        """Return the pictures (M, S, S) with the pixels of one of these, even if saved again."""
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
        """Return the pictures (M, S, S) that look like one of these or its mirror image.

        Source: Perceptual hash of the lowest frequencies (Zauner 2010), with a check of these.
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
    """Return a number for every picture (N, S, S), the same for those of the same pixels, (N,)."""
    import numpy as np
    from scipy.sparse import coo_array  # type: ignore[import-untyped]
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]
    from scipy.spatial import KDTree

    known = spectra(looks)
    pairs = KDTree(known).query_pairs(TOLERANCE, output_type="ndarray")
    one, other = known[pairs[:, 0]], known[pairs[:, 1]]
    alike = np.linalg.norm(one - other, axis=1) <= SHARE * np.minimum(
        contrast(one), contrast(other)
    )
    graph = coo_array((np.ones(alike.sum()), pairs[alike].T), shape=(len(looks), len(looks)))
    return [int(number) for number in connected_components(graph, directed=False)[1]]


def spectra(looks: Array) -> Array:
    """Return the lowest frequencies of pictures (N, S, S), (N, FREQUENCIES ** 2), in grey values.

    The distance of two is the root mean square of what their pictures differ by.
    """
    import numpy as np
    from scipy.fft import dctn  # type: ignore[import-untyped]

    frequencies = dctn(looks.astype(np.float32), axes=(1, 2), norm="ortho")
    lowest = frequencies[:, :FREQUENCIES, :FREQUENCIES].reshape(len(looks), -1)
    return np.asarray(lowest / looks.shape[1])


def contrast(of: Array) -> Array:
    """Return the standard deviation of pictures by their spectra, (N,)."""
    import numpy as np

    return np.asarray(np.linalg.norm(of[:, 1:], axis=1))


def hash_bits(of: Array) -> Array:
    """Return which frequencies are stronger than the median of a picture's, (N,), uint64.

    Source: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010.
    """
    import numpy as np

    strong = of[:, 1:] > np.median(of[:, 1:], axis=1, keepdims=True)
    return np.packbits(np.pad(strong, ((0, 0), (1, 0))), axis=1).view(np.uint64)[:, 0]
