"""The outside world in a box.

A Bot API server, a mail server, a push server and a phone page to look at them, all speaking the
real protocols on loopback. The package imports nothing of the product: the product meets it over
sockets, as it meets the real world.
"""
