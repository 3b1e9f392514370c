"""The made-up class: what it hands in, and the whole way from release to its table."""
