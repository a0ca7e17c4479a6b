#!/bin/sh
# Makes what a deployment keeps secret, once: keys, passwords, and for compose certificates.
#
#   deploy/make-secrets.sh HOST [DATABASE [KAFKA [FOLDER]]]
#
# HOST is the portal's name, DATABASE PostgreSQL's host and database (postgresql/bank), with a port
# where it is not 5432 (postgresql:6432/bank), KAFKA the host names of Kafka's brokers
# (kafka-1,kafka-2,kafka-3), FOLDER where the files go (deploy/secrets). A file that is there is left
# alone, so one that is deleted is made anew.
set -eu
umask 077

host=${1:?"usage: $0 HOST [DATABASE [KAFKA [FOLDER]]]"}
database=${2:-postgresql/bank}
kafka=${3:-kafka-1,kafka-2,kafka-3}
database_host=${database%%[:/]*}
database_port=${database%%/*}:5432
database_port=${database_port#*:}
folder=${4:-$(dirname "$0")/secrets}
authority=/etc/bankportal/authority.pem

mkdir -p "$folder"
cd "$folder"

random() {
	openssl rand -hex 32
}

# Containers read the files under other names, so that only the folder keeps others of this machine
# out. Where it does not, because it was there before, each file does.
mode=0644
[ -z "$(find . -prune \( -perm -010 -o -perm -001 \))" ] || mode=0600
keep() {
	[ -e "$1" ] || { cat >"$1.draft" && chmod "$mode" "$1.draft" && mv "$1.draft" "$1"; }
}

# Gives the password of PostgreSQL's role or Kafka's user, made at the first call.
password() {
	[ -e "$1.password" ] || random | tr -d '\n' | keep "$1.password"
	cat "$1.password"
}

# Name of a process, its role in PostgreSQL, its user in Kafka; "" for none.
process() {
	{
		echo "SECRET_KEY=$(random)$(random)"
		# What Prometheus shows, to be told how the process does.
		echo "METRICS_TOKEN=$(password metrics)"
		[ -z "$2" ] || echo "DATABASE_URL=postgres://$2:$(password "$2")@$database?sslmode=verify-full&sslrootcert=$authority"
		# Pages ask Kafka nothing, and so need no name there.
		[ -n "$3" ] || echo "KAFKA_SECURITY_PROTOCOL=SSL"
		[ -z "$3" ] || echo "KAFKA_SASL_USERNAME=$3"
		[ -z "$3" ] || echo "KAFKA_SASL_PASSWORD=$(password "$3")"
		[ -z "$3" ] || echo "KAFKA_SASL_MECHANISM=SCRAM-SHA-512"
	} | keep "$1.env"
}

password postgres >/dev/null
process web bank_web ""
process relay bank_relay bankportal-relay
process consumer bank_consumer bankportal-consumer
process topics "" bankportal-topics
process operator bank_owner bankportal-operator
# It has nothing of its own: a new password of the owner's is to reach it too.
grep -qs "^PGPASSWORD=$(password bank_owner)\$" grants.env || rm -f grants.env
printf 'PGHOST=%s\nPGPORT=%s\nPGDATABASE=%s\nPGUSER=bank_owner\nPGPASSWORD=%s\nPGSSLMODE=verify-full\nPGSSLROOTCERT=%s\n' \
	"$database_host" "${database_port%%:*}" "${database#*/}" "$(password bank_owner)" "$authority" | keep grants.env
[ -e cluster-id ] || openssl rand -base64 16 | tr '+/' '-_' | tr -d '=\n' | keep cluster-id

if [ ! -e authority.pem ]; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
		-keyout authority.key -out authority.made -subj "/CN=bankportal authority" \
		-addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
	keep authority.pem <authority.made
	rm authority.made
fi

# name of the files, common name, host names
certificate() {
	[ -e "$1.pem" ] && return
	names=$(echo "$3" | sed 's/[^,]*/DNS:&/g')
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$1.key.made" -out "$1.request" -subj "/CN=$2" 2>/dev/null
	printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$names" >"$1.extensions"
	openssl x509 -req -in "$1.request" -CA authority.pem -CAkey authority.key -CAcreateserial \
		-days 825 -extfile "$1.extensions" -out "$1.pem.made" 2>/dev/null
	rm -f "$1.key"
	keep "$1.key" <"$1.key.made"
	keep "$1.pem" <"$1.pem.made"
	rm "$1.key.made" "$1.pem.made" "$1.request" "$1.extensions"
}

# Replace portal.pem and portal.key by what an authority gave you that browsers trust.
certificate portal "$host" "$host"
certificate postgresql "$database_host" "$database_host"
certificate kafka kafka "$kafka"
certificate kafka-admin admin admin
# Kafka reads key and certificates from one file.
for each in kafka kafka-admin; do
	[ "$each.keystore.pem" -nt "$each.pem" ] || rm -f "$each.keystore.pem"
	cat "$each.key" "$each.pem" | keep "$each.keystore.pem"
done
echo "The secrets are in $(pwd)."
