"""Everything that speaks to Kafka; nothing else imports ``confluent_kafka``."""
