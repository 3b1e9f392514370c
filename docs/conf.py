"""Sphinx's settings for the book; `autoencoder-course book` writes docs/chapters/ and builds it."""

from importlib.metadata import version as version_of

project = "A course on autoencoders"
author = "The autoencoder course authors"
project_copyright = f"{author}, MIT licence"
version = release = version_of("autoencoder-course")
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "autoencoder_grader.book.extension"]
exclude_patterns = ["_build", "_static"]

nb_execution_mode = "off"  # the pages have their outputs already
nb_merge_streams = True

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
html_js_files = [("search.js", {"defer": "defer"})]
html_math_renderer = "mathml"
html_copy_source = False  # the pages' sources would be the solutions without their folds
html_show_sphinx = False
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is, until the switch says otherwise
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],  # its search button stands in the sidebar already
    "show_toc_level": 2,
    "use_download_button": False,
    # Colours that everybody can read, in both themes.
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
