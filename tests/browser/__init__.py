"""Reports and drawings in a real browser: a package so that the names of its files are its own."""
