"""From signals to target positions: sizing and allocation. Pure."""
