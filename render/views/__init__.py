"""The chat text of every view and outcome: Telegram HTML, tables of at most 34 columns."""
