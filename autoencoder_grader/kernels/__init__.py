"""Kernels for learners' code: each in a sandbox of its own, forked from a process that has imported everything.

`forking` and `namespaces` run inside the sandbox, where the rest of this package cannot be seen: they import nothing
of it.
"""
