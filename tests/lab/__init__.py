"""The lab, tested with real daemons: a package so that the names of its files are its own."""
