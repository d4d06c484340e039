"""From a view or an event to what a person reads: text, tables, HTML, charts. Pure."""
