-- The owner of the tables and the role of each process, in a new server; run once by a superuser.
\set owner `cat /run/secrets/bank_owner.password`
\set web `cat /run/secrets/bank_web.password`
\set relay `cat /run/secrets/bank_relay.password`
\set consumer `cat /run/secrets/bank_consumer.password`
CREATE ROLE bank_owner LOGIN PASSWORD :'owner';
CREATE ROLE bank_web LOGIN PASSWORD :'web';
CREATE ROLE bank_relay LOGIN PASSWORD :'relay';
CREATE ROLE bank_consumer LOGIN PASSWORD :'consumer';
CREATE DATABASE bank OWNER bank_owner;
