"""What makes the test vectors in C{docs/vectors}; run each with C{python -m tests.vectors.NAME}."""
