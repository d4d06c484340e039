"""What every protocol of the scripted exchange shares: sockets, faults acted out, connections."""
