#!/bin/bash
# Starts node NODE of a Kafka of three, each broker and controller. Nodes know each other by
# certificates of one authority; everybody else signs in by SCRAM, and may do what rules.sh says.
set -euo pipefail

secrets=${SECRETS:-/run/secrets}
data=${DATA:-/var/lib/kafka/data}
bin=${KAFKA_BIN:-/opt/kafka/bin}
config=${CONFIG:-/tmp}/server.properties

cat >"$config" <<PROPERTIES
process.roles=broker,controller
node.id=$NODE
controller.quorum.voters=1@kafka-1:9095,2@kafka-2:9095,3@kafka-3:9095
listeners=CLIENT://kafka-$NODE:9093,BROKER://kafka-$NODE:9094,CONTROLLER://kafka-$NODE:9095
listener.security.protocol.map=CLIENT:SASL_SSL,BROKER:SSL,CONTROLLER:SSL
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs=$data/log

ssl.keystore.type=PEM
ssl.keystore.location=$secrets/kafka.keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=$secrets/authority.pem
listener.name.broker.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:CN=kafka;User:CN=admin

# Each message is on two nodes at least before it counts as written, and one may be away.
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
auto.create.topics.enable=false
# Kafka leaves writing to the disk to the system, and to the other nodes what a cut of the power
# takes. These three lose it at once.
log.flush.interval.messages=1
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
PROPERTIES

"$bin"/kafka-storage.sh format --ignore-formatted \
	--cluster-id "$(cat "$secrets/cluster-id")" --config "$config"
exec "$bin"/kafka-server-start.sh "$config"
