"""`train`: Keras's `fit` with progress, weights saved after each epoch, and going on after an interruption."""
