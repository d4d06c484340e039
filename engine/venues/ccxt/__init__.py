"""Any exchange that ccxt speaks to, over REST and websockets.

The library is loaded only by `library.load`: importing this package costs nothing.
"""
