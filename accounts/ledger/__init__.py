"""Posting: what the log says becomes what the ledger holds."""
