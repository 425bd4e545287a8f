"""The wording of what people are told: pure functions from what the store shows to sentences.

One module per question. Nothing here asks for the time, touches the network or changes anything.
Text is plain: short lines, no platform's markup. Each answer also comes as data with stable names,
for ``--json``.
"""
