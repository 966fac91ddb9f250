"""The loss curves of all trainings as one PNG, for the README."""

from __future__ import annotations

from pathlib import Path

THEIRS, OURS = "#f4b183", "#16325c"


def draw(report, path: Path):
    """One panel a training: torch's curve broad and pale, ours thin and dark on top of it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    first = {}
    for r in report.trainings:
        first.setdefault(r.name, r)
    columns = min(3, len(first))
    rows = -(-len(first) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(4.1 * columns, 2.8 * rows), squeeze=False, layout="constrained"
    )
    for ax in axes.flat[len(first) :]:
        ax.axis("off")
    for ax, r in zip(axes.flat, first.values(), strict=False):
        steps = range(1, len(r.theirs) + 1)
        ax.plot(steps, r.theirs, color=THEIRS, linewidth=5, label="torch", solid_capstyle="round")
        ax.plot(range(1, len(r.ours) + 1), r.ours, color=OURS, linewidth=0.9, label=report.choices.library)
        ax.set_title(r.title, fontsize=10, loc="left")
        ax.set_ylim(bottom=0)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.text(
            0.98,
            0.72,
            words(r, report),
            transform=ax.transAxes,
            ha="right",
            va="top",
            fontsize=8,
            color="#5d6878",
        )
    handles, labels = axes.flat[0].get_legend_handles_labels()
    if len(first) < rows * columns:
        axes.flat[len(first)].legend(
            handles, labels, loc="center", fontsize=13, frameon=False, title="loss of every step"
        )
    else:
        axes.flat[0].legend(handles, labels, fontsize=9, frameon=False, loc="upper right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def words(result, report):
    """`float32: 2e-07` for each dtype, the largest relative deviation of any step."""
    lines = [
        f"{r.dtype}: {'bit-equal' if r.parts_at is None else format(r.worst, '.1g')}"
        for r in report.trainings
        if r.name == result.name and not r.error
    ]
    return "\n".join(["largest deviation", *lines]) if lines else ""
