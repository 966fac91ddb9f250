"""Benchmarks of minitorch beside torch and others. `python -m benchmarks --help`; docs/benchmarks.md says how they measure."""
