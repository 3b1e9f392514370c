"""What makes a network an autoencoder: that an image has to get through few numbers."""

_SHARE = 5  # however wrong a bottleneck is: more than a fifth of the values is none


def expect_squeezed(step, model, values: int, latent: int, *charged: str) -> None:
    """Inside a step: fail if more than `latent` numbers of an image get through the network.

    Otherwise the best network would be one that copies its input. values: of an image. charged: checks of the network's
    parts; if one of them has taken points, a wider bottleneck has cost its points, and any that still is one will do.
    """
    from autoencoder_helpers.evidence.description import describe_models
    from autoencoder_helpers.evidence.narrowing import numbers_passed

    description, arrays = describe_models({"model": model})
    found = numbers_passed(description, arrays, "model")
    step.expect(
        found <= latent or (found <= values // _SHARE and step.excused(*charged)),
        expected=f"an image goes through {latent} numbers",
        found=f"{found:,} numbers get from the input to the output",
        look="Is this your encoder and your decoder, joined, with no way around them?",
        mistake="no-bottleneck",
    )
