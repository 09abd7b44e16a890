"""Speed, as ratios in one run; run each with C{python -m tests.benchmarks.NAME}."""
