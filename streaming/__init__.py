"""What moves: Kafka, the relay, the consumer, the ledger feed and the live pages."""
