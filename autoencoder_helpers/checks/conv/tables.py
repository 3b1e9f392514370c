"""The layers and parameters that the tables of chapter 2 name, compared with those of a network."""

from autoencoder_helpers.checks.models import stages


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
