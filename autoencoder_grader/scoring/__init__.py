"""Where points come from: a process that runs no learner's code scores, on images that no learner has seen."""
