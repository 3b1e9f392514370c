"""The corpus of made-up submissions, and what the grader makes of each of them."""
