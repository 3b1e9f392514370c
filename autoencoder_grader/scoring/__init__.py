"""Scoring in a process that runs no learner's code, on images that no learner has seen."""
