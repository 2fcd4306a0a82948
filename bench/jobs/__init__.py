"""What is measured inside a platform: each job is a process, `python -m bench.jobs.<name> '<json>'`."""
