"""What the gallery asks for: the pictures that an example writes as files, and the order of the examples."""

import shutil
from pathlib import Path

from matplotlib import pyplot as plt
from sphinx_gallery.scrapers import figure_rst

# The first hour first: from what everybody needs to what few do.
ORDER = (
    "tour.py",
    "quickstart.py",
    "airline.py",
    "pedestrians.py",
    "anomalies.py",
    "damped_oscillation.py",
    "bitcoin_price.py",
    "long_sequences.py",
    "variable_length.py",
    "explain.py",
    "gesture.py",
    "sentiment.py",
    "resume.py",
    "distributed_search.py",
)


def scrape_files(block, block_vars, gallery_conf):
    """Move the pictures that an example has written into the gallery, and return the text that shows them."""
    plt.close("all")
    source = Path(block_vars["src_file"])
    shown = []
    for picture in sorted(source.parent.glob(f"{source.stem}*.png")):
        target = next(block_vars["image_path_iterator"])
        shutil.move(picture, target)
        shown.append(target)
    return figure_rst(shown, gallery_conf["src_dir"])


def order(filename):
    """Return the place of an example; new ones come last."""
    return ORDER.index(filename) if filename in ORDER else len(ORDER)
