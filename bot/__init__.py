"""What a person talks to: the Telegram bot and the HTTP pages."""
