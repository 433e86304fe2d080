"""Settings of the documentation site. See contributing.md for the command that builds it."""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's C++ parts would log into the pages
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two examples run at once, each on a core of its own
sys.path.insert(0, str(Path(__file__).parent / "extensions"))

import skrnn

project = "skrnn"
author = "The skrnn developers"
copyright = "The skrnn developers"
version = release = skrnn.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",  # equations are shown without a network, too
]
exclude_patterns = ["_build", "gallery/*.ipynb", "gallery/*.py"]
templates_path = ["_templates"]
default_role = "literal"
smartquotes = False  # quotes in types and defaults are code

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings hold the types, with shapes
numpydoc_show_class_members = False  # the template lists the members, but those that scikit-learn generates

plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 150)]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    # Shown without being run: film reviews are not shipped, and the gallery's processes may not start a cluster's. The
    # package with the series of anomalies requires earlier versions of others.
    "filename_pattern": r"/(?!sentiment|distributed_search|anomalies)\w+\.py$",
    "image_scrapers": ("pictures.scrape_files",),  # examples save what they draw
    "within_subsection_order": "pictures.order",
    "parallel": 2,
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": 1,
}
suppress_warnings = [
    # The functions of the gallery above are named by strings, but sphinx-gallery puts them in for the names.
    "config.cache",
]

html_theme = "pydata_sphinx_theme"
html_title = f"skrnn {release}"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "skrnn"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": [], "getting_started": [], "changelog": []}
