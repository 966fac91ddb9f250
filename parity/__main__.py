"""`python -m parity`: five real trainings and every operation, minitorch beside torch. See `--help`."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks.terminal import Parser, bars, check_device, one_of, words

EXAMPLES = """\
examples:
  python -m parity                              everything (under two minutes on two cores)
  python -m parity --quick                      shorter trainings and timings
  python -m parity --only mnist,digits          two trainings
  python -m parity --only operations            every operation of the table
  python -m parity --only tanh,matmul           two operations
  python -m parity --device torch               minitorch's graph and rules over torch's arithmetic
  python -m parity --dtype float64 --seed 7     one dtype, another seed
  python -m parity --only mnist --picture docs/loss_curves.png

writes parity.html, parity.json and parity.xml (JUnit) into the folder --out.
exit status: 0 all within tolerance, 1 deviations or errors, 2 a wrong option,
130 interrupted.
"""


def parser():
    p = Parser(
        prog="python -m parity",
        description="Trains five models on real data in torch and in minitorch, from the same source and "
        "seed, compares everything, compares every operation, and reports.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--only", metavar="NAMES", default="", help="comma-separated names of trainings, sections, operations"
    )
    p.add_argument("--seed", type=int, default=0, help="seed of every training (default 0)")
    p.add_argument("--dtype", choices=["float32", "float64", "both"], default="both", help="default both")
    p.add_argument(
        "--device", choices=["cpu", "torch", "cuda"], default="cpu", help="minitorch's device (default cpu)"
    )
    p.add_argument("--quick", action="store_true", help="a third of the epochs, fewer timings")
    p.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("reports"), help="where reports go (default reports)"
    )
    p.add_argument("--picture", metavar="PATH", type=Path, help="also draw the loss curves as a PNG")
    p.add_argument(
        "--library", metavar="MODULE", default="minitorch", help="library under test (default minitorch)"
    )
    return p


def chosen(p, arguments):
    """The choices of the command line; exits with one line and status 2 if one of them makes no sense."""
    from .suite import SECTIONS, Choices, table_of
    from .trainings import TRAININGS

    try:
        library = importlib.import_module(arguments.library)
    except ModuleNotFoundError as error:
        p.error(f"--library {arguments.library}: {error}")
    only = words(arguments.only)
    if arguments.only and not only:
        p.error("--only: expected names separated by commas, got none")
    operations = [] if set(only) <= {*TRAININGS, *SECTIONS} else list(table_of(library))
    for name in only:
        expected = f"a training ({', '.join(TRAININGS)}), a section ({', '.join(SECTIONS)}) or an operation"
        one_of(p, "--only", name, [*TRAININGS, *SECTIONS, *operations], expected)
    if not -(2**63) <= arguments.seed < 2**64:
        p.error(f"--seed: {arguments.seed} does not fit into 64 bits")
    if arguments.picture and only and not set(only) & set(TRAININGS):
        p.error("--picture: draws trainings, and --only names none")
    if arguments.picture and arguments.picture.suffix.lower() != ".png":
        p.error(f"--picture: {arguments.picture} should end in .png")
    if arguments.out.exists() and not arguments.out.is_dir():
        p.error(f"--out: {arguments.out} is a file, expected a folder")
    try:  # now, not after two minutes
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        p.error(f"--out: {arguments.out} can't be made: {error.strerror}")
    check_device(p, arguments.device)
    dtypes = ("float32", "float64") if arguments.dtype == "both" else (arguments.dtype,)
    return Choices(only, arguments.seed, dtypes, arguments.device, arguments.quick, arguments.library)


def main(argv=None) -> int:
    """Runs the command line and returns the exit status."""
    p = parser()
    arguments = p.parse_args(argv)
    choices = chosen(p, arguments)

    from . import console, report, suite

    with bars(console.console) as progress:
        found = suite.run(choices, progress)
    console.show(found)
    paths = report.write(found, arguments.out)
    if arguments.picture:
        from .picture import draw

        draw(found, arguments.picture)
        paths.append(arguments.picture)
    console.end(found, paths)
    return 0 if found.passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
