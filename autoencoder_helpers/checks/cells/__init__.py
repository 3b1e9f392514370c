"""Chapter 5, gene expression of cells, whose decoder speaks of counts: one check, one file, named as the check."""

#: In the order of the notebook.
CHECKS = (
    "counts",
    "poisson_loss",
    "floor_and_baseline",
    "encoder",
    "decoder",
    "trained",
    "agreement",
    "difference",
    "genes",
)

#: Without points, for practice; in the order of the notebook.
PRACTICE = ("negative_binomial", "unseen_type", "gene_shades")
