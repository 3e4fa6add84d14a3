"""The tests: packages, so that files of the same name in different folders are different modules."""
