"""The service's own HTTP surface: health, metrics, a status page."""
