"""`dense.pca`: right answers of any construction pass, each usual mistake is named."""

import numpy as np
from autoencoder_helpers import check
from sklearn.decomposition import PCA


def test_pca(points, mistakes):
    def pca(x_train, x, n=2, centre=True):
        fitted = PCA(n).fit(x_train)
        return fitted.inverse_transform(fitted.transform(x))

    def uncentred(x_train, x):
        v = np.linalg.svd(x_train, full_matrices=False)[2][:2]
        return x @ v.T @ v

    assert points("dense.pca", pca) == 1
    assert points("dense.pca", lambda a, x: pca(a, x).tolist()) == 1
    for wrong, mistake in (
        (lambda a, x: pca(a, x) - a.mean(0), "mean-not-restored"),
        (uncentred, "not-centred"),
        (lambda a, x: pca(x, x), "fitted-on-test-images"),
        (lambda a, x: pca(a, x, 1), "wrong-number-of-components"),
        (lambda a, x: pca(a, x, 3), "wrong-number-of-components"),
        (lambda a, x: pca(a, x, None), "wrong-number-of-components"),
        (lambda a, x: PCA(2).fit(a).transform(x), "codes-not-images"),
        (lambda a, x: pca(a, a), "wrong-shape"),
        (lambda a, x: x, "wrong-number-of-components"),
    ):
        assert mistakes("dense.pca", wrong) == [mistake]


def test_all_components_are_told_from_three():
    result = check("dense.pca", lambda a, x: PCA().fit(a).inverse_transform(PCA().fit(a).transform(x)))
    assert "all components" in result.failures[0].found
