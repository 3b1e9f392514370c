"""`conv.sides`: the side of an image after a convolution and after pooling."""

from autoencoder_helpers.checks.answers import Function, Number, call
from autoencoder_helpers.checks.rule import rule


@rule(
    "conv.sides",
    points=1,
    title="The side of an image after a convolution and after pooling",
    answers={"after_conv": Function(), "after_pool": Function()},
)
def sides(step, after_conv, after_pool):
    with step("A convolution with padding 'same' keeps the side; 'valid' costs kernel - 1", points=0.5, stop=False):
        for side, kernel in ((28, 3), *zip(step.rng.integers(12, 90, 6), (1, 3, 5, 7, 2, 4), strict=True)):
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
        for side in (28, 7, *(2 * step.rng.integers(5, 60, 3) + 1)):
            side = int(side)
            found = _number_of(after_pool, side, name="after_pool")
            wanted = (side + 1) // 2
            step.expect(
                found != side / 2 or side % 2 == 0,
                expected=f"{wanted} for side {side}: a whole number of blocks",
                found=found,
                look="There are no half blocks: which way is rounded?",
                mistake="not-whole",
            )
            step.expect(
                not (found == side // 2 and side % 2),
                expected=f"{wanted} for side {side}",
                found=f"{found:g}: rounded down",
                look="With padding 'same' the last block may be half empty, and it still counts.",
                mistake="rounded-down",
            )
            step.expect(
                found == wanted,
                expected=f"{wanted} for side {side}",
                found=f"{found:g}",
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
