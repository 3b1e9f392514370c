"""A learner's own copy: JupyterLab on it, how far it is, pictures that stay when it is saved."""
