"""Posts to the terminal: dry runs, pipes, and people who read the news in a shell."""
