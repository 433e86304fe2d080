"""Diagrams of the LSTM and the GRU cell; the numbers refer to the equations in ``docs/cells.md``.

The figure is left open for Sphinx's plot directive; ``python docs/figures/cells.py FOLDER`` saves it as a PNG.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Line

GATE, CANDIDATE, POINTWISE, FRAME, INSIDE = "#0072B2", "#D55E00", "#009E73", "#999999", "#F7F7F7"
WIDTH, HEIGHT = 16, 8.2  # of a drawing; a unit is half an inch
BOX_WIDTH, BOX_HEIGHT, RADIUS = 1.9, 1.1, 0.33
PRODUCT = "$\\times$"
TOP = 7.2  # where the state that is carried along runs


def tint(color, strength):
    """Return a lighter tint of a color."""
    return tuple(1 - strength * (1 - part) for part in to_rgb(color))


class Drawing:
    """Diagram of a cell: boxes with weights, circles for element-wise operations, and lines."""

    def __init__(self, ax, title):
        self.ax = ax
        ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="equal")
        ax.set_axis_off()
        ax.set_title(title, loc="left", fontsize=12, fontweight="bold")
        frame = FancyBboxPatch((1.7, 0.75), 12.6, 7.15, boxstyle="round,pad=0,rounding_size=0.4", zorder=0)
        frame.set(facecolor=INSIDE, edgecolor=FRAME, linewidth=1.2)
        ax.add_patch(frame)

    def box(self, x, y, text, color, width=BOX_WIDTH):
        """Draw a part of the cell that has weights, or applies a function."""
        corner = x - width / 2, y - BOX_HEIGHT / 2
        patch = FancyBboxPatch(corner, width, BOX_HEIGHT, boxstyle="round,pad=0,rounding_size=0.15", zorder=3)
        patch.set(facecolor=tint(color, 0.18), edgecolor=color, linewidth=1.8)
        self.ax.add_patch(patch)
        self.ax.text(x, y, text, ha="center", va="center", fontsize=9.5, linespacing=1.25, zorder=4)

    def circle(self, x, y, sign):
        """Draw an element-wise product or a sum."""
        self.ax.add_patch(Circle((x, y), RADIUS, facecolor="white", edgecolor=POINTWISE, linewidth=1.8, zorder=3))
        self.ax.text(x, y - 0.02, sign, color="black", ha="center", va="center", fontsize=12, zorder=4)

    def arrow(self, *points):
        """Draw an arrow through points."""
        line = FancyArrowPatch(path=Line(points), arrowstyle="-|>", mutation_scale=11, zorder=2)
        line.set(facecolor="black", edgecolor="black", linewidth=1.3, joinstyle="miter", capstyle="projecting")
        self.ax.add_patch(line)

    def wire(self, *points):
        """Draw a line through points."""
        self.ax.plot(*zip(*points, strict=True), color="black", linewidth=1.3, zorder=1)

    def gap(self, x, y):
        """Interrupt a horizontal line where a vertical one crosses it."""
        self.ax.plot((x - 0.13, x + 0.13), (y, y), color=INSIDE, linewidth=4, solid_capstyle="butt", zorder=1.5)

    def dot(self, x, y):
        """Mark where a line forks."""
        self.ax.add_patch(Circle((x, y), 0.09, facecolor="black", edgecolor="none", zorder=2))

    def label(self, x, y, text, ha="center"):
        """Label a line."""
        self.ax.text(x, y, text, ha=ha, va="center", fontsize=11, zorder=4)


def draw_lstm(ax):
    """Draw the cell of equations (2) to (7)."""
    cell = Drawing(ax, "LSTM")
    bus, gates, middle = 1.5, 3.2, 5.2
    forget, write, candidate, read, out = 3.6, 5.9, 8.2, 10.5, 12.9

    # The cell state, along the top.
    cell.label(0.75, TOP, "$c_{t-1}$")
    cell.arrow((1.2, TOP), (forget - RADIUS, TOP))
    cell.circle(forget, TOP, PRODUCT)
    cell.arrow((forget + RADIUS, TOP), (candidate - RADIUS, TOP))
    cell.circle(candidate, TOP, "+")
    cell.label(candidate + 0.3, TOP - 0.6, "(6)", ha="left")
    cell.arrow((candidate + RADIUS, TOP), (14.8, TOP))
    cell.label(15.2, TOP, "$c_t$")

    # What the gates see, along the bottom.
    cell.label(0.75, bus, "$h_{t-1}$")
    cell.wire((1.2, bus), (read, bus))
    cell.label(2.4, 0.25, "$x_t$")
    cell.arrow((2.4, 0.5), (2.4, bus))
    for x, text, color in (
        (forget, "forget\n$\\sigma$  (3)", GATE),
        (write, "input\n$\\sigma$  (2)", GATE),
        (candidate, "candidate\ntanh  (4)", CANDIDATE),
        (read, "output\n$\\sigma$  (5)", GATE),
    ):
        if x != read:
            cell.dot(x, bus)
        cell.box(x, gates, text, color)
        cell.arrow((x, bus), (x, gates - BOX_HEIGHT / 2))

    over = gates + BOX_HEIGHT / 2
    cell.arrow((forget, over), (forget, TOP - RADIUS))
    cell.label(forget + 0.2, 4.5, "$f_t$", ha="left")
    cell.arrow((write, over), (write, middle), (candidate - RADIUS, middle))
    cell.label(write + 0.2, 4.5, "$i_t$", ha="left")
    cell.arrow((candidate, over), (candidate, middle - RADIUS))
    cell.label(candidate + 0.2, 4.3, "$\\tilde{c}_t$", ha="left")
    cell.circle(candidate, middle, PRODUCT)
    cell.arrow((candidate, middle + RADIUS), (candidate, TOP - RADIUS))

    # The hidden state: the cell state, squashed, and as much of it as the output gate lets through.
    middle = 3.2
    cell.dot(out, TOP)
    cell.arrow((out, TOP), (out, 5.6 + BOX_HEIGHT / 2))
    cell.box(out, 5.6, "tanh", POINTWISE, width=1.4)
    cell.arrow((out, 5.6 - BOX_HEIGHT / 2), (out, middle + RADIUS))
    cell.circle(out, middle, PRODUCT)
    cell.label(out + 0.45, middle - 0.1, "(7)", ha="left")
    cell.arrow((read + BOX_WIDTH / 2, gates), (out - RADIUS, middle))
    cell.label(12.0, middle + 0.35, "$o_t$")
    cell.arrow((out, middle - RADIUS), (out, bus), (14.8, bus))
    cell.label(15.2, bus, "$h_t$")


def draw_gru(ax):
    """Draw the cell of equations (8) to (11), with the reset gate after the product."""
    cell = Drawing(ax, "GRU")
    x_bus, h_bus, gates, inner, mixing = 1.25, 2.0, 3.4, 4.75, 6.0
    update, reset, product, candidate, blend = 3.9, 6.2, 8.5, 11.0, 13.1
    keep = 9.3

    # The hidden state, along the top.
    cell.label(0.75, TOP, "$h_{t-1}$")
    cell.arrow((1.2, TOP), (keep - RADIUS, TOP))
    cell.circle(keep, TOP, PRODUCT)
    cell.arrow((keep + RADIUS, TOP), (blend - RADIUS, TOP))
    cell.circle(blend, TOP, "+")
    cell.label(blend - 0.3, TOP - 0.55, "(11)", ha="right")
    cell.arrow((blend + RADIUS, TOP), (14.8, TOP))
    cell.label(15.2, TOP, "$h_t$")

    # Both states and inputs reach the gates; the product with the state sees no input, the candidate no bare state.
    cell.dot(2.3, TOP)
    cell.wire((2.3, TOP), (2.3, h_bus), (product, h_bus))
    cell.label(2.3, 0.25, "$x_t$")
    cell.wire((2.3, 0.5), (2.3, x_bus), (candidate, x_bus))
    under, over = gates - BOX_HEIGHT / 2, gates + BOX_HEIGHT / 2
    for x, text, color, from_h, from_x in (
        (update, "update\n$\\sigma$  (8)", GATE, update - 0.4, update + 0.4),
        (reset, "reset\n$\\sigma$  (9)", GATE, reset - 0.4, reset + 0.4),
        (product, "$h_{t-1} U_h$\n$+\\, d_h$", FRAME, product, None),
        (candidate, "candidate\ntanh  (10)", CANDIDATE, None, candidate),
    ):
        cell.box(x, gates, text, color)
        for start, bus, last in ((from_h, h_bus, product), (from_x, x_bus, candidate)):
            if start is None:
                continue
            if start != last:
                cell.dot(start, bus)
            if bus == x_bus and start != last:
                cell.gap(start, h_bus)
            cell.arrow((start, bus), (start, under))

    # The candidate sees as much of the state as the reset gate lets through.
    cell.arrow((reset, over), (reset, inner), (product - RADIUS, inner))
    cell.label(reset + 0.9, inner + 0.35, "$r_t$")
    cell.arrow((product, over), (product, inner - RADIUS))
    cell.circle(product, inner, PRODUCT)
    cell.arrow((product + RADIUS, inner), (candidate, inner), (candidate, over))

    # The update gate weighs the old state against the candidate.
    cell.wire((update, over), (update, mixing), (keep, mixing))
    cell.label(update + 0.9, mixing + 0.35, "$z_t$")
    cell.dot(keep, mixing)
    cell.arrow((keep, mixing), (keep, TOP - RADIUS))
    cell.arrow((keep, mixing), (11.0 - 0.65, mixing))
    cell.box(11.0, mixing, "$1 - z_t$", POINTWISE, width=1.3)
    cell.arrow((11.0 + 0.65, mixing), (blend - RADIUS, mixing))
    cell.circle(blend, mixing, PRODUCT)
    cell.arrow((candidate + BOX_WIDTH / 2, gates), (blend, gates), (blend, mixing - RADIUS))
    cell.label(blend + 0.2, 4.5, "$\\tilde{h}_t$", ha="left")
    cell.arrow((blend, mixing + RADIUS), (blend, TOP - RADIUS))


def draw_cells():
    """Draw one cell above the other, and leave the figure open."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 8.9), layout="constrained")
    draw_lstm(above)
    draw_gru(below)
    return figure


figure = draw_cells()
if __name__ == "__main__" and len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "cells.png", dpi=120)
