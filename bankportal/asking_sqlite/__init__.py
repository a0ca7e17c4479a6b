"""Django's SQLite, with a fair chance for small writes beside a process that writes always."""
