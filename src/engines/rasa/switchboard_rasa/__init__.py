"""Switchboard's half of a Rasa bot.

Two kinds of module live here. The graph side (`components`, `importer` and what they use) travels inside an exported bot, so that
plain `rasa train` and `rasa run` give the answers the hub gives. The child side (`child`, `serve`, `train` and what they use) is
how the hub runs one bot per process.
"""

VERSION = "1"
