"""The ccxt venue: any exchange that ccxt speaks to, over REST and websockets."""
