"""What the commands do: a module per group."""
