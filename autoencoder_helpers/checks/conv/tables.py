"""The layers and parameters that the tables of chapter 2 name, compared with those of a network."""

from typing import NamedTuple

from autoencoder_helpers.checks.models import all_layers, input_shape_in, output_shape_in, stages

_LIKE_A_FRAME = 2  # pixels of a side: what a window of 3 x 3 loses without padding


class Grid(NamedTuple):
    """A convolution, and the sides of the grids that it takes and gives, (height, width), () if unknown.

    cut: what is left of the grid that it gives where a layer behind it takes a border away; else that grid.
    """

    layer: object
    taken: tuple
    given: tuple
    cut: tuple


def grids(model) -> list[Grid]:
    """The convolutions of a network, in order."""
    layers = all_layers(model)
    found = []
    for place, layer in enumerate(layers):
        if hasattr(layer, "filters"):
            taken, given = (_sides(shape_in, model, layer) for shape_in in (input_shape_in, output_shape_in))
            found.append(Grid(layer, taken, given, _cut(model, layers[place + 1 :], given)))
    return found


def _cut(model, behind, given):
    for layer in behind:
        if type(layer).__name__ == "InputLayer":  # of a network inside
            continue
        left = _sides(output_shape_in, model, layer)
        if type(layer).__name__ == "Cropping2D":
            given = left
        elif left != given:  # another kind of step, or another place
            break
    return given


def _sides(shape_in, model, layer) -> tuple:
    """Height and width of a grid with channels last that a layer takes or gives; () where they are not known."""
    try:
        _, height, width, _ = shape_in(model, layer)
    except (AttributeError, TypeError, ValueError):  # not called yet, several inputs, no grid
        return ()
    return () if None in (height, width) else (height, width)


def side_text(sides) -> str:
    """A side for people: 28, or 28 x 14 if the grid is no square."""
    return " x ".join(map(str, sides if sides[0] != sides[1] else sides[:1]))


def cutting_layers(model) -> list[str]:
    """The layers of a network that make a grid smaller without looking at all of it, with the sides, for people.

    A border may be taken away where a frame of zeros was laid before: the same sums. To resize to the half is to take
    the mean of each block of 2 x 2.
    """
    found = []
    for layer in all_layers(model):
        kind = type(layer).__name__
        taken, left = (_sides(shape_in, model, layer) for shape_in in (input_shape_in, output_shape_in))
        if kind not in ("Cropping2D", "Resizing") or not taken or not left or taken == left:
            continue
        border = kind == "Cropping2D" and all(a - b <= _LIKE_A_FRAME for a, b in zip(taken, left, strict=True))
        mean = kind == "Resizing" and all(a == 2 * b for a, b in zip(taken, left, strict=True))
        if not border and not mean:
            found.append(f"{kind}, which makes {side_text(left)} of {side_text(taken)}")
    return found


def expect_table(step, model, convolutions, units):
    """Fail unless the network has exactly the convolutions and Dense layers that the exercise names."""
    found = stages(model)
    filters = [stage.width for stage in found if stage.kind != "Dense"]
    step.expect(
        bool(filters),
        expected=f"convolutions with {_row(convolutions)} filters",
        found="no convolution at all",
        look="This chapter's network looks at neighbourhoods: keras.layers.Conv2D.",
        mistake="no-convolution",
    )
    step.expect(
        filters == convolutions or sorted(filters) != sorted(convolutions),
        expected=f"{_row(convolutions)} filters, in this order",
        found=_row(filters),
        look="The right widths in another order: which convolution comes first?",
        mistake="swapped-widths",
    )
    step.expect(
        filters == convolutions,
        expected=f"convolutions with {_row(convolutions)} filters",
        found=_row(filters),
        look="the number of filters of each convolution, its first argument",
        mistake="wrong-filters",
    )
    kernels = [tuple(stage.layer.kernel_size) for stage in found if stage.kind != "Dense"]
    step.expect(
        all(kernel == (3, 3) for kernel in kernels),
        expected="windows of 3 x 3",
        found=", ".join(f"{a} x {b}" for a, b in kernels),
        look="the kernel size, the second argument of each convolution",
        mistake="wrong-kernel",
    )
    rates = [tuple(stage.layer.dilation_rate) for stage in found if stage.kind != "Dense"]
    step.expect(
        all(rate == (1, 1) for rate in rates),
        expected="windows of 3 x 3 pixels that lie side by side",
        found=f"dilation_rate {', '.join(f'{a} x {b}' for a, b in rates)}: gaps between the pixels of a window",
        look="A convolution of the table has no dilation_rate.",
        mistake="dilated",
    )
    widths = [int(stage.layer.units) for stage in found if stage.kind == "Dense"]
    step.expect(
        widths == units,
        expected=f"Dense layers of width {_row(units)}",
        found=_row(widths) or "none",
        look="the table: how many Dense layers are there, and how wide?",
        mistake="wrong-widths",
    )


def expect_count(step, model, count):
    """Fail unless the network has this number of parameters."""
    step.expect(
        model.count_params() == count,
        expected=f"{count:,} parameters: filters x (weights of a window + 1) for each layer",
        found=f"{model.count_params():,}",
        look="The exercise asks for exactly this network: look at use_bias, and for layers too many.",
        mistake="wrong-parameter-count",
    )


def _row(numbers) -> str:
    return ", ".join(map(str, numbers))
