"""The course as a static site: chapters run once and shown with folded solutions, guides, API reference, search."""
