#!/bin/bash
# Gives each process of the portal its password at Kafka, and just the rules that it needs:
# those of docs/kafka-security.md. May be repeated, as after a password was changed.
set -euo pipefail

secrets=${SECRETS:-/run/secrets}
PATH=${KAFKA_BIN:-/opt/kafka/bin}:$PATH
KAFKA=${KAFKA:-kafka-1:9094,kafka-2:9094,kafka-3:9094}
cd "${CONFIG:-/tmp}"

cat >admin.properties <<PROPERTIES
security.protocol=SSL
ssl.keystore.type=PEM
ssl.keystore.location=$secrets/kafka-admin.keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=$secrets/authority.pem
PROPERTIES

for name in bankportal-relay bankportal-consumer bankportal-topics bankportal-operator; do
	kafka-configs.sh --bootstrap-server "$KAFKA" --command-config admin.properties --alter \
		--entity-type users --entity-name "$name" \
		--add-config "SCRAM-SHA-512=[password=$(cat "$secrets/$name.password")]"
done

kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add --allow-principal User:bankportal-relay --operation Write --operation Read --operation DescribeConfigs --topic submissions
kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add --allow-principal User:bankportal-relay --operation Write --topic submissions.dead
kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add --allow-principal User:bankportal-consumer --operation Read --operation DescribeConfigs --topic submissions
kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add --allow-principal User:bankportal-consumer --operation Read --group bankportal
kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add --allow-principal User:bankportal-operator --operation Read --operation DescribeConfigs --topic submissions
kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add --allow-principal User:bankportal-operator --operation Describe --operation DescribeConfigs --topic submissions.dead
kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add --allow-principal User:bankportal-topics --operation Create --operation Describe --operation AlterConfigs --topic submissions
kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add --allow-principal User:bankportal-topics --operation Create --operation Describe --operation AlterConfigs --topic submissions.dead
