"""Making the ledger anew beside the live one: scratch tables, comparison, replacement."""
