"""What the usual slips in the formula of the KL give."""

import numpy as np
from autoencoder_helpers import measures


def wrong_kls(mean, stddev):
    """What the slips give, one number per image: as `known` of expect_no_known_mistake."""
    wanted = measures.gaussian_kl(mean, stddev)
    square, log = mean**2 + stddev**2 - 1, np.log(stddev)
    return (
        (-wanted, "wrong-sign", "the right size with the wrong sign", "A KL is never negative."),
        (wanted / 2, "mean-over-latents", "half of it", "a sum over the two latent variables, not a mean"),
        (2 * wanted, "half-missing", "twice as much", "the factor 1/2 of the first bracket"),
        ((square - log).sum(1), "half-missing", "the first bracket without its factor 1/2", "0.5 * (...)"),
        ((square / 2 + log).sum(1), "log-sign", "+ ln stddev", "A narrow cloud must cost more: the sign of ln"),
        ((square / 2 - 2 * log).sum(1), "log-of-variance", "the logarithm of the variance",
         "ln of stddev itself, or half of the ln of its square"),
        (((mean**2 + stddev - 1) / 2 - log).sum(1), "stddev-not-squared", "stddev where its square belongs",
         "the mean of z^2 is mean^2 + stddev^2"),
        (((mean**2 + stddev - 1) / 2 - log / 2).sum(1), "variance-as-input", "stddev read as a variance",
         "the second argument is a standard deviation"),
        (((mean**2 + np.exp(stddev) - 1 - stddev) / 2).sum(1), "log-variance", "stddev read as a log variance",
         "the second argument is a standard deviation"),
        ((square / 2).sum(1), "log-missing", "no logarithm", "Without - ln stddev nothing keeps a cloud open."),
        (((mean + stddev**2 - 1) / 2 - log).sum(1), "mean-not-squared", "the mean where its square belongs", "mean^2"),
        (wanted + 1, "one-missing", "no - 1", "What if the cloud is the prior itself? It must be 0."),
        (((1 + mean**2) / (2 * stddev**2) - 0.5 + log).sum(1), "wrong-direction", "the KL of the prior from the cloud",
         "the cloud q stands first: its means of the terms"),
        ((square / 2 - np.log2(stddev)).sum(1), "bits", "a logarithm to the base 2", "the natural logarithm"),
        ((square / 2 - np.log10(stddev)).sum(1), "bits", "a logarithm to the base 10", "the natural logarithm"),
        (wanted / np.log(2), "bits", "logarithms to the base 2", "natural logarithms"),
    )  # fmt: skip
