"""A learner's own copy of the chapters: JupyterLab on it, how far it is, pictures that stay when it is saved."""
