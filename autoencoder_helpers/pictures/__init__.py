"""The pictures that a notebook shows: plots in one style, the explorer, and stored ones of long trainings."""
