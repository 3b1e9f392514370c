"""The course as a site: chapters run once and shown with folded solutions, guides, API reference, search."""
