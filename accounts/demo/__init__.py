"""The bank of the demonstration: made-up customers, and what they did for eighteen months."""
