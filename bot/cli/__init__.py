"""The command line: its options, its commands, and what they show. The work is done elsewhere.

Everything heavy is imported inside the command that needs it, because help has to appear at once.
Results go to standard output, everything else to standard error; exit statuses are in ``terminal``
and in ``docs/cli.md``.
"""
