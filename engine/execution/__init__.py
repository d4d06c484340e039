"""The only room that talks to a venue: intents, order states, exit plans, recovery."""
