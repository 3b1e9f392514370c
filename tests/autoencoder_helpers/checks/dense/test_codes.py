"""`dense.codes`: right answers of any construction pass, each usual mistake is named."""


def test_codes(points, mistakes, make, mnist):
    x_train, x_test = mnist
    e = make.encoder()
    right = e.predict(x_test, batch_size=1000, verbose=0)
    assert points("dense.codes", right, e) == 1
    for wrong, mistake in (
        (right[::-1], "shuffled"),
        (right + 1, "other-codes"),
        (e.predict(x_train[:10_000], batch_size=1000, verbose=0), "codes-of-training-images"),
        (e.predict(255 * x_test, batch_size=1000, verbose=0), "codes-of-raw-images"),
        (right.T, "wrong-shape"),
        (x_test, "images-not-codes"),
    ):
        assert mistakes("dense.codes", wrong, e) == [mistake]


def test_codes_of_images_that_were_wrong_before_are_right(under, make, mnist):
    _, x_test = mnist
    e = make.encoder()
    for change in (lambda x: x * 255, lambda x: (x * 255).astype("uint8"), lambda x: x / 255, lambda x: 2 * x - 1):
        codes = e.predict(change(x_test), batch_size=1000, verbose=0)
        assert under({"dense.data"}, "dense.codes", codes, e) == 1
        assert under((), "dense.codes", codes, e) == 0
        assert under({"dense.data"}, "dense.codes", codes + 1, e) == 0
