"""Sphinx's settings for the book; `autoencoder-course book` writes docs/chapters/ and builds it."""

from importlib.metadata import version as version_of
from pathlib import Path

from autoencoder_grader.book.building import execution_cache

project = "A course on autoencoders"
author = "The autoencoder course authors"
project_copyright = f"{author}, MIT licence"
version = release = version_of("autoencoder-course")
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "autoencoder_grader.book.extension"]
exclude_patterns = ["_build", "_static"]

# Chapters run once: the folder's name stands for the helpers and the pinned versions, myst-nb's own key in it for a
# chapter's code.
nb_execution_mode = "cache"
nb_execution_cache_path = str(execution_cache(Path(__file__).resolve().parents[1]))
nb_execution_in_temp = True  # trained weights are of no use beside a page
nb_execution_timeout = 1800  # seconds a cell, as in grading
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "warn"  # a chapter prints nothing there
# No kernel stands behind a page, and widgets would be fetched from elsewhere: their static picture stays.
nb_ipywidgets_js = {}
nb_mime_priority_overrides = [("*", "application/vnd.jupyter.widget-view+json", None)]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

# Docstrings of the helpers name shapes and units in words; the signature has the rest.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autosummary_generate = False  # the tables link to the same page

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_math_renderer = "mathml"
html_copy_source = False  # the pages' sources would be the solutions without their folds
html_show_sphinx = False
html_theme_options = {
    "home_page_in_toc": True,
    "show_toc_level": 2,
    "use_download_button": False,
    # Colours that everybody can read, in both themes.
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
