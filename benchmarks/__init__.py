"""Speed and size of the service, as one table: `python -m benchmarks`, or `make bench`."""
