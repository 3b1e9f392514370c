"""Grades many submissions at the same time: what travels, the worker's side, the gradebook's side, the cluster."""
