"""The command line: its options, its commands, and what they show. The doing is elsewhere.

Everything heavy is imported inside the command that needs it, because help has to be there at
once. Results go to standard output, all else to standard error; what a command returns to the
shell is in ``terminal``, and in ``docs/cli.md``.
"""
