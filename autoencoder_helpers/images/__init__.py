"""The pictures that networks learn from: digits and flowers, and the cache that all notebooks share."""
