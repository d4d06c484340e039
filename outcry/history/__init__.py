"""History on disk: the bodies of `outcry data`."""
