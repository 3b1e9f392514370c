"""The process that measures: ``python -m autoencoder_grader.references.measuring_worker FOLDER NAME...``.

A process of its own, so that TensorFlow can be held to one thread while several of them share a machine.
"""

import os
import sys
from pathlib import Path

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def main(arguments):
    """Carry out the measurements of these names, of a `Run` or a `PrivateRun`; store them in the folder."""
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # before TensorFlow is imported
    from autoencoder_grader.references import measuring, private_margins

    folder, *names = arguments
    for name in names:
        if name.startswith(private_margins.PREFIX):
            private_margins.perform(private_margins.PrivateRun.parse(name), Path(folder))
        else:
            measuring.perform(measuring.Run.parse(name), Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
