"""Data sets: MNIST's digits, flowers as photos or drawn, and the cache that all notebooks share."""
