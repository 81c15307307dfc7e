-- Entries that take back all points of their channel up to themselves: what they take back counts no more, and stays stored.
CREATE TABLE voids (
    epoch_id integer NOT NULL REFERENCES epochs,
    seq      bigint NOT NULL,
    PRIMARY KEY (epoch_id, seq)
);
