"""The bank's pages: each view binds what came, makes one call, and answers."""
