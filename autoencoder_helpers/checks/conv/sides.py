"""`conv.sides`: the side of an image after a convolution and after pooling."""

from autoencoder_helpers.checks.answers import Function, Number, call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.rule import rule

_OF_THE_CHAPTER = (28, 14, 7)  # the first to be looked at: a card then speaks of sides that are known
_LARGEST = 60  # up to here all sides are asked for: wrong ways of rounding are right for some of them


@rule(
    "conv.sides",
    points=1,
    title="The side of an image after a convolution and after pooling",
    answers={"after_conv": Function(), "after_pool": Function()},
)
def sides(step, after_conv, after_pool):
    with step("A convolution with padding 'same' keeps the side; 'valid' costs kernel - 1", points=0.5, stop=False):
        kernels = (1, 3, 5, 7, 2, 4, 6, 8, 9, 11)
        pairs = zip(step.rng.integers(12, 90, len(kernels)), kernels, strict=True)
        for side, kernel in ((28, 3), *pairs, (5, 5)):  # the last: a window as wide as the image
            side = int(side)
            same = _whole(step, after_conv, side, kernel, "same")
            valid = _whole(step, after_conv, side, kernel, "valid")
            wanted = side - kernel + 1
            case = f"for side {side} and kernel {kernel}"
            step.expect(
                not (same == wanted and valid == side) or kernel == 1,
                expected=f"{side} with 'same', {wanted} with 'valid', {case}",
                found="the two in each other's place",
                look="Which padding lays a frame of zeros around the image?",
                mistake="swapped-paddings",
            )
            step.expect(
                same == side,
                expected=f"{side} with padding 'same', {case}",
                found=same,
                look="With a frame of zeros the window can sit on every pixel.",
                mistake="same-changes-side",
            )
            step.expect(
                valid != side - kernel or kernel % 2 == 0,  # for even kernels that has another reason
                expected=f"{wanted} with padding 'valid', {case}",
                found=f"{valid}: one too few",
                look="Count the places of a window as wide as the image: it has one, not none.",
                mistake="off-by-one",
            )
            step.expect(
                not (kernel in (1, 5, 7) and valid == side - 2),
                expected=f"{wanted} with padding 'valid', {case}",
                found=f"{valid}: right for a kernel of 3",
                look="The kernel is an argument; use it.",
                mistake="kernel-ignored",
            )
            step.expect(
                not (kernel % 2 == 0 and valid == side - 2 * (kernel // 2)),
                expected=f"{wanted} with padding 'valid', {case}",
                found=f"{valid}: `kernel // 2` taken away on each side, which is right for odd kernels only",
                look="Count the places: the window's first pixel can stand on 0, 1, ... up to which?",
                mistake="odd-kernels-only",
            )
            step.expect(
                valid == wanted,
                expected=f"{wanted} with padding 'valid', {case}",
                found=valid,
                look="At how many places can the window lie wholly inside?",
                mistake="wrong-valid-side",
            )
    with step("Pooling by 2 halves the side, and an incomplete last block counts", points=0.5):
        sides = [*_OF_THE_CHAPTER, *(side for side in range(1, _LARGEST + 1) if side not in _OF_THE_CHAPTER)]
        found = {side: _number_of(after_pool, side, name="after_pool") for side in sides}
        _expect_pooled(step, found)


def _expect_pooled(step, found):
    """Fail unless all sides are halved and rounded up. Another way of rounding is named if all sides are of that way.

    found: the side after pooling by the side before, in the order in which they are looked at.
    """
    wrong = [side for side, pooled in found.items() if pooled != (side + 1) // 2]
    side = wrong[0] if wrong else 0
    expected, value = f"{(side + 1) // 2} for side {side}", f"{found.get(side, 0):g}"
    down = "With padding 'same' the last block may be half empty, and it still counts."
    even = "Python's `round` does that: 3.5 and 4.5 both become 4. Which way of rounding always goes up?"
    expect_no_known_mistake(
        step,
        (
            (lambda side: side / 2, "not-whole", ", not a whole number of blocks",
             "There are no half blocks: which way is rounded?"),
            (lambda side: side // 2, "rounded-down", ": rounded down", down),
            (lambda side: round(side / 2), "halves-to-even", ": a half rounded to the even neighbour", even),
            (lambda side: round(side / 2 + 0.5), "halves-to-even", ": a half rounded to the even neighbour", even),
        ),
        lambda halved: all(pooled == halved(side) for side, pooled in found.items()),
        is_right=not wrong,
        expected=expected,
        before=value,
    )  # fmt: skip
    step.expect(
        not wrong,
        expected=expected,
        found=value,
        look="How many blocks of 2 cover the side?",
        mistake="wrong-pooled-side",
    )


def _number_of(function, *arguments, name) -> float:
    return Number().read(call(function, *arguments, name=name), f"the result of {name}")


def _whole(step, after_conv, side, kernel, padding):
    found = _number_of(after_conv, side, kernel, padding, name="after_conv")
    step.expect(
        found == int(found),
        expected=f"a whole number for after_conv({side}, {kernel}, {padding!r})",
        found=found,
        look="A window sits on a whole number of places; is there a division?",
        mistake="not-whole",
    )
    return int(found)
