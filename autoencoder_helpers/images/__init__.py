"""Data sets: MNIST's digits, flowers as photos or drawn, blood cells, and the cache that all notebooks share."""
