"""Whole files and temporary folders: what a kill at any moment leaves behind is never half of something."""
