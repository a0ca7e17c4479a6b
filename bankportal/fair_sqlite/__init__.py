"""Django's SQLite, whose transactions go before the next batch of a backlog."""
