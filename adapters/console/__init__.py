"""Posts to standard output: dry runs, pipes, and people who read papers in a shell."""
