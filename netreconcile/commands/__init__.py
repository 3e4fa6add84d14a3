"""One module a command; each has `run(options)`, which prints and returns the exit code."""
