"""The wording of what people are told: pure functions from what the store shows to sentences.

One module per question. Nothing here reads the clock, touches the network or changes anything.
Texts are plain: short lines, and no markup of any platform. A reply that the command line can
show as JSON also carries its data as a report (``bot.chat.reports``), for ``--json``.
"""
