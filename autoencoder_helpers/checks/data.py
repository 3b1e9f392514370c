"""The data that rules measure on. In the notebook it is the public test set; grading puts private images here."""

import functools

import numpy as np
from autoencoder_helpers.images.cells import Cells, counts_of, load_cells
from autoencoder_helpers.images.flower_drawing import draw_flowers
from autoencoder_helpers.images.flowers import load_flowers
from autoencoder_helpers.images.mnist import load_mnist

# Of the short run. Its test images are among those of the full run's 3,000, so unseen in both.
_PHOTO_COUNT = 1200
_FRESH_FLOWERS_SEED = 20_260  # any seed other than load_flowers': flowers that no training set holds


def evenly(images: np.ndarray, most: int) -> np.ndarray:
    """Every k-th image, so many that there are at least `most`, and less than twice as many.

    Private digits are in the order of their kinds and of their ink, so what is taken is like the whole; and it is the same
    in every grading.
    """
    return images[:: max(1, len(images) // most)]


class PublicData:
    """Test images as rules want them: float32 in [0, 1].

    Losses are measured on `unseen_digits`, `flowers` and `unseen_cells`, which in grading are images and cells that nobody
    could learn by heart. What an answer states about the test set is compared with `mnist_images`.
    """

    @functools.cached_property
    def mnist_images(self) -> np.ndarray:
        """MNIST test images, float32 (10000, 28, 28) in [0, 1]."""
        return np.asarray(load_mnist()[1][0], np.float32) / np.float32(255)

    def mnist(self, name: str, rows: np.ndarray) -> np.ndarray:
        """The images `rows` of "x_train" or "x_test" as they are published, float32 (len(rows), 28, 28)."""
        images = load_mnist()[0 if name == "x_train" else 1][0]
        return np.asarray(images[rows], np.float32) / np.float32(255)

    @property
    def unseen_digits(self) -> np.ndarray:
        """Digits to measure losses on, float32 (n, 28, 28) in [0, 1]: here the test images of MNIST."""
        return self.mnist_images

    @property
    def cells(self) -> Cells:
        """The cells as they are published, split as every notebook has them."""
        return load_cells()

    @property
    def unseen_cells(self) -> tuple[np.ndarray, np.ndarray]:
        """(expression, counts) of cells to measure losses on, float32 (n, 765): here the test cells."""
        x_test = load_cells().x_test
        return x_test, counts_of(x_test)

    def flowers(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        """(mean training image (1, 80, 80, 3), unseen images (n, 80, 80, 3)), float32 in [0, 1].

        source: "synthetic" (freshly drawn) or "photos" (the test split of load_flowers).
        """
        return _public_flowers(source)


@functools.cache
def _public_flowers(source):
    if source == "synthetic":
        drawn = draw_flowers(300, seed=_FRESH_FLOWERS_SEED)[0]
        train, unseen = drawn[60:], drawn[:60]
    else:
        photos = load_flowers(source, count=_PHOTO_COUNT)
        train, unseen = photos.x_train, photos.x_test
    mean = train.mean(axis=0, dtype=np.float64, keepdims=True) / 255
    return mean.astype(np.float32), unseen / np.float32(255)
