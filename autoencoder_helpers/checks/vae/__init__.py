"""Chapter 3, the variational autoencoder on MNIST: one check, one file, named as the check.

Functions are asked for their values on fresh random inputs and on small networks made here; networks are asked for
their distributions and for what they add to the loss. The quantities themselves come from `measures`.
"""

#: In the order of the notebook.
CHECKS = (
    "prior",
    "encoder",
    "sample_z",
    "gaussian_kl",
    "kl_weight",
    "loss",
    "trained",
    "elbo_report",
    "prior_samples",
)

#: Without points, for practice; in the order of the notebook.
PRACTICE = ("log_p_by_grid", "log_p_by_draws")
