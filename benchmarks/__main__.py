"""`python -m benchmarks`: minitorch's speed beside torch's and others'. See `--help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import suite
from .terminal import Parser, bars, check_device, one_of, words

EXAMPLES = """\
examples:
  python -m benchmarks                          everything, with the peers that are installed (about five minutes)
  python -m benchmarks steps --peers torch      training steps beside torch alone
  python -m benchmarks steps --threads 1,2      with one thread, then with two
  python -m benchmarks ops --only tanh,matmul   rows whose name contains one of the words
  python -m benchmarks steps --device cuda      the model and its data on a GPU, minitorch's and torch's
  python -m benchmarks --workload my.py:train   a workload of your own: a function of T that returns a step
  python -m benchmarks compare a/bench.json b/bench.json

writes bench.json, bench.html (self-contained) and bench.md into the folder --out.
exit status: 0 measured; 1 a workload failed, or in `compare` something became slower; 2 a wrong option.
"""


def parser():
    p = Parser(
        prog="python -m benchmarks",
        description="Times minitorch beside its peers: each library in a process of its own, the processes take turns "
        "round by round, warm-up is left out.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "groups", nargs="*", metavar="group", help=f"{', '.join(suite.GROUPS)} or all (default all)"
    )
    p.add_argument(
        "--peers", metavar="NAMES", help=f"of {', '.join(suite.PEER_NAMES)} (default: all that are installed)"
    )
    p.add_argument(
        "--threads", metavar="NUMBERS", help="thread counts, one after the other (default: all cores)"
    )
    p.add_argument(
        "--device", choices=["cpu", "torch", "cuda"], default="cpu", help="of minitorch and torch (default cpu)"
    )
    p.add_argument("--only", metavar="WORDS", default="", help="rows whose name contains one of the words")
    p.add_argument(
        "--workload", metavar="FILE.py:FUNCTION", action="append", default=[], help="a workload of your own"
    )
    p.add_argument("--quick", action="store_true", help="shorter blocks, three rounds, fewer sizes")
    p.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("reports"), help="where reports go (default reports)"
    )
    return p


def chosen(p, arguments):
    """The choices of the command line; exits with one line and status 2 if one of them makes no sense."""
    groups = tuple(dict.fromkeys(arguments.groups)) or (() if arguments.workload else ("all",))
    for group in groups:
        one_of(p, "group", group, (*suite.GROUPS, "all"))
    check_device(p, arguments.device)
    possible = suite.GROUPS if arguments.device == "cpu" else suite.ON_DEVICES
    if other := [group for group in groups if group not in (*possible, "all")]:
        p.error(f"group {other[0]}: no device takes part in it; with --device choose of {', '.join(possible)}")
    names = suite.PEER_NAMES if arguments.peers is None else words(arguments.peers)
    for name in names:
        one_of(p, "--peers", name, suite.PEER_NAMES)
    threads = (suite.cores(),) if arguments.threads is None else words(arguments.threads)
    if not threads or any(not str(n).isdigit() or not 1 <= int(n) <= suite.cores() for n in threads):
        p.error(
            f"--threads: expected numbers from 1 to {suite.cores()} (the cores), got '{arguments.threads}'"
        )
    for path in arguments.workload:
        check_workload(p, path)
    if arguments.out.exists() and not arguments.out.is_dir():
        p.error(f"--out: {arguments.out} is a file, expected a folder")
    choices = suite.Choices(
        groups=possible if "all" in groups else groups,
        peers=names,
        threads=tuple(dict.fromkeys(map(int, threads))),
        device=arguments.device,
        quick=arguments.quick,
        only=words(arguments.only),
        workloads=tuple(arguments.workload),
    )
    if choices.only and not choices.workloads and not suite.matches(choices):
        p.error(f"--only: no row of {', '.join(choices.groups)} contains '{arguments.only}'")
    return choices


def check_workload(p, path):
    file, _, name = path.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        p.error(f"--workload: expected FILE.py:FUNCTION, got '{path}'")
    if not Path(file).is_file():
        p.error(f"--workload: no file {file}")


def main(argv=None) -> int:
    """Runs the command line and returns the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["compare"]:
        from .compare import main as compare

        return compare(argv[1:])
    p = parser()
    arguments = p.parse_args(argv)
    choices = chosen(p, arguments)

    from . import console, report

    with bars(console.console) as progress:
        found = suite.run(choices, progress)
    console.show(found)
    paths = report.write(found, arguments.out)
    console.end(found, paths)
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
