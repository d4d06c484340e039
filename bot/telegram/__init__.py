"""The Telegram bot: intake, authorisation, confirmation, one sender."""
