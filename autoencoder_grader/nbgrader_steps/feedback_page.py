"""Writes feedback pages as nbgrader does, with templates that are compiled once in a process and not for each page."""

from __future__ import annotations

from jinja2 import BytecodeCache
from nbconvert.exporters import HTMLExporter


class _InMemory(BytecodeCache):
    """Keeps compiled templates. A changed template has another checksum, and is compiled anew."""

    def __init__(self):
        self._compiled: dict[str, tuple[str, bytes]] = {}

    def load_bytecode(self, bucket):
        """Fill the bucket if its template was compiled before."""
        checksum, code = self._compiled.get(bucket.key, ("", b""))
        if checksum == bucket.checksum:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket):
        """Keep a template that was just compiled."""
        self._compiled[bucket.key] = bucket.checksum, bucket.bytecode_to_string()


_compiled = _InMemory()


class FeedbackExporter(HTMLExporter):
    """nbconvert's exporter; settings of HTMLExporter hold for it, too."""

    def _create_environment(self):
        environment = super()._create_environment()
        environment.bytecode_cache = _compiled
        return environment
