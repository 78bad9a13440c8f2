"""Find, download or build the executables: everything between a `Binary` and a file to run."""
