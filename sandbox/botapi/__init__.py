"""A Telegram Bot API server, faithful enough for an unmodified client."""
