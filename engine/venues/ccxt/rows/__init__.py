"""What is known of single exchanges, a module each; `exchanges` puts them into the table."""
