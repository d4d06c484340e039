"""Strategies that come with the product; found by file, like a user's."""
