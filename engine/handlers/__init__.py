"""One use case each: load, decide, save. The desk is what they load from and save to."""
