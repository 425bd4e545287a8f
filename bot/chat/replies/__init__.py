"""The wording of what people are told: pure functions from what the store shows to sentences.

One module per question. Nothing here reads the clock, touches the network or changes anything.
Text is plain: short lines, no platform's markup. A reply of the command line has the
same as a report (``bot.chat.reports``), for ``--json``.
"""
