"""The bank: agents and branches, accounts, submissions and outbox, the ledger. Knows no Kafka."""
