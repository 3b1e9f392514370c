"""`flowers.walk`: equal steps through the latent space, from one flower to another."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, Model, as_array, call
from autoencoder_helpers.checks.flowers.sizes import IMAGE, IN_PLACE, LATENT
from autoencoder_helpers.checks.models import precision, predict
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.images.flower_drawing import draw_flowers

_ENDS = ("first", "last")  # of a walk
_PAIRS = 4  # of flowers, of which one is walked between


@rule(
    "flowers.walk",
    points=1,
    title="The walk goes in equal steps through the latent space, from one flower's code to the other's",
    answers={
        "walk": Function(),
        "encoder": Model(input_shape=IMAGE, words=IN_PLACE, anybodys=True),
        "decoder": Model(input_shape=(LATENT,), anybodys=True),
    },
)
def walk(step, walk, encoder, decoder):
    first, last = _telling_ends(step, encoder, decoder)
    steps = 5
    image = tuple(decoder.output_shape[1:])  # (80, 80, 3); whether it is right is for the decoder's check to say
    rounding = max(precision(encoder), precision(decoder))  # half precision rounds on its way
    tolerance = max(2e-3, 4 * rounding)
    with step("It returns as many images as there are steps"):
        found = call(walk, first, last, steps, name="walk")
        step.expect(
            found.shape != (steps, LATENT),
            expected=f"{steps} images",
            found=f"{steps} codes of 10 numbers",
            look="Decode them.",
            mistake="codes-not-images",
        )
        step.expect(
            found.shape[0:1] != (steps + 1,) and found.shape[0:1] != (steps - 1,),
            expected=f"{steps} images, both ends included",
            found=f"{found.shape[0] if found.ndim else 0} images",
            look="np.linspace(0, 1, steps) has both ends; np.arange has not.",
            mistake="wrong-number-of-steps",
        )
        step.expect(
            found.shape == (steps, *image),
            expected=f"shape {(steps, *image)}",
            found=f"shape {found.shape}",
            look="the decoder takes a batch of codes, one row for each step",
            mistake="wrong-shape",
        )
    with step("It is the same walk whenever it is asked"):
        again = call(walk, first, last, steps, name="walk")
        step.expect(
            np.allclose(found, again, atol=1e-4),
            expected="the same images in a second call",
            found="other images: the codes are draws",
            look="encoder(...).mean() does not change from call to call.",
            mistake="draws-not-means",
        )
    with step("It goes in equal steps on the line between the two codes", points=1):
        start, end = as_array(encoder(np.stack([first, last])).mean())
        t = np.linspace(0, 1, steps)[:, None]
        wanted = predict(decoder, ((1 - t) * start + t * end).astype(np.float32))
        # An untrained decoder makes nearly the same image of both: then a smaller difference tells walks apart.
        apart = float(np.abs(wanted[-1] - wanted[0]).max())
        tolerance = max(min(tolerance, 0.02 * apart), 4 * rounding)

        def rather(other, noise=0.0) -> bool:
            return found.shape == other.shape and _is_rather(found, other, wanted, tolerance, noise)

        fades = {
            "the two images mixed, pixel by pixel": (first, last),
            "the two reconstructions mixed, pixel by pixel": (wanted[0], wanted[-1]),
        }
        for what, (a, b) in fades.items():
            mix = (1 - t[..., None, None]) * a + t[..., None, None] * b
            step.expect(
                not rather(mix),
                expected="codes mixed, then decoded",
                found=what,
                look="Which of the two comes first: mixing or decoding?",
                mistake="pixel-fade",
            )
        _expect_straight(
            step, (first, last), (start, end), t, encoder, decoder, lambda other: rather(other, max(1e-5, rounding))
        )
        if np.allclose(found, wanted, atol=tolerance):
            return
        step.expect(
            not np.allclose(found, wanted[::-1], atol=tolerance),
            expected="from `first` to `last`",
            found="from `last` to `first`",
            look="At t = 0 all of the mixture is `first`.",
            mistake="backwards",
        )
        _expect_ends_of_walk(step, found, wanted, (first, last), (start, end), decoder, tolerance)
        step.fail(
            expected="equal steps on a straight line",
            found="the right ends with other images between them",
            look="(1 - t) * start + t * end, for t in equal steps from 0 to 1",
            mistake="uneven-steps",
        )


def _telling_ends(step, encoder, decoder):
    """Two drawn flowers: of a few pairs the one between which the straight way differs most from all others.

    Between some, the codes of mixed pixels lie on the line between the codes, and a wrong walk looks right.
    """
    flowers = draw_flowers(2 * _PAIRS, seed=int(step.rng.integers(2**31)))[0] / np.float32(255)
    firsts, lasts = flowers[::2], flowers[1::2]
    try:
        starts, ends, faded = (
            as_array(encoder(images).mean()) for images in (firsts, lasts, (firsts + lasts) / np.float32(2))
        )
        middles = (starts + ends) / 2
        cosines = (starts * ends).sum(axis=1) / np.linalg.norm(starts, axis=1) / np.linalg.norm(ends, axis=1)
        circled = middles / np.sqrt((1 + cosines[:, None]) / 2)  # halfway on a great circle
        halfway, *others = (predict(decoder, codes.astype(np.float32)) for codes in (middles, faded, circled))
        apart = [np.abs(halfway - other).reshape(_PAIRS, -1).mean(axis=1) for other in others]
        best = int(np.argmax(np.nan_to_num(np.min(apart, axis=0))))
    except Exception:  # noqa: BLE001 - what is wrong with the networks is said where they are asked
        best = 0
    return firsts[best], lasts[best]


def _is_rather(found, other, wanted, tolerance, noise) -> bool:
    """Whether a walk is another one rather than the wanted one, however near the two are in an untrained network.

    noise: walks that differ by less, on average, are the same; 0 where no network stands between what is compared.
    """
    away, from_wanted = (float(np.abs(found - walk).mean()) for walk in (other, wanted))
    return noise < from_wanted and away < from_wanted / 4 and np.allclose(found, other, atol=tolerance)


def _expect_straight(step, images, codes, t, encoder, decoder, rather):
    """Inside a step: name walks with the right ends that take another way.

    images, codes: of the two ends. t: the shares of the way, shape (steps, 1). rather: whether the walk is another one rather
    than the wanted one.
    """
    (first, last), (start, end) = images, codes
    mixed = ((1 - t[..., None, None]) * first + t[..., None, None] * last).astype(np.float32)
    step.expect(
        not rather(predict(decoder, as_array(encoder(mixed).mean()))),
        expected="codes mixed, then decoded",
        found="the two images mixed, pixel by pixel, then encoded and decoded",
        look="Encode the two images alone; mix their codes, not their pixels.",
        mistake="pixel-fade",
    )
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    angle = np.arccos(np.clip(start @ end / max(lengths[0] * lengths[1], 1e-9), -1, 1))
    if np.sin(angle) > 1e-6:
        circle = (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)
        step.expect(
            not rather(predict(decoder, circle.astype(np.float32))),
            expected="equal steps on a straight line",
            found="a great circle around the origin",
            look="(1 - t) * start + t * end: no sines",
            mistake="great-circle",
        )


def _expect_ends_of_walk(step, found, wanted, images, codes, decoder, tolerance):
    """Inside a step: fail unless the walk's first and last image are right; say which is not, and what stands there.

    found, wanted: the images of the walk. images: the two flowers. codes: their posterior means.
    tolerance: how far values of the same image may lie apart.
    """
    start, end = codes
    shares = sorted({i / parts for parts in range(len(found) - 1, len(found) + 2) for i in range(parts + 1)})
    on_the_line = predict(decoder, np.array([(1 - t) * start + t * end for t in shares], np.float32))
    known = [(image, f"the code {t:.0%} of the way, decoded") for t, image in zip(shares, on_the_line, strict=True)]
    known += [(image, f"`{name}` itself, not decoded") for image, name in zip(images, _ENDS, strict=True)]
    known = [(image, what) for image, what in known if image.shape == found.shape[1:]]
    wrong = {}
    for place, name in zip((0, -1), _ENDS, strict=True):
        if np.allclose(found[place], wanted[place], atol=tolerance):
            continue
        nearest, what = min(known, key=lambda pair: np.abs(found[place] - pair[0]).mean())
        if not np.allclose(found[place], nearest, atol=tolerance):
            away = float(np.abs(found[place] - wanted[place]).mean())
            what = f"another image, {away:.2g} away per value on average (values reach 1)"
        wrong[name] = what
    step.expect(
        not wrong,
        expected="; ".join(f"{name} image: the posterior mean of `{name}`, decoded" for name in wrong),
        found="; ".join(f"{name} image: {what}" for name, what in wrong.items()),
        look="t runs from 0 (`first`) to 1 (`last`), both included: np.linspace(0, 1, steps)."
        if any("of the way" in what for what in wrong.values())
        else "Does the function use its own arguments, and the encoder and decoder as they are now?",
        mistake="wrong-ends",
    )
