"""Pure trading domain: values in, values out; no I/O, clock, logging or async."""
