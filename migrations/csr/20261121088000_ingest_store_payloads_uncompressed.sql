-- migrate:up

-- Nearly all of a report's event is ciphertext, which does not compress: trying costs a tenth of the server's part of an
-- accept. Partitions take it over, those to come too.
alter table ingest.outbox alter payload set storage external;

-- migrate:down

alter table ingest.outbox alter payload set storage extended;
