"""The sandbox: a learner's code runs in a kernel of its own there, forked from a process that has imported everything.

`forking` and `namespaces` run inside the sandbox, where the rest of this package cannot be seen: they import nothing
of it.
"""
