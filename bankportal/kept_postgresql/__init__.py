"""Django's backend for PostgreSQL, with connections that stay open for the next request."""
