"""The ways to reach a person: a file each, every one an adapter of the `Channel` port."""
