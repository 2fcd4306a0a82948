"""The broker between objects and intake: a nats-server we configure, start, guard and watch.

- `secrets`: the nkeys that sign in and the key of its encrypted store (keys/broker.json).
- `configuration`: its configuration, generated; `child`: its process, which never outlives ours.
- `stream`: what keeps an envelope from the broker's acknowledgement to intake's commit.
- `callout`: each connection of an object is admitted by its certificate, or refused; `callout_db`: by our
  tables.
- `reconcile`: whoever is revoked is cut, even while connected; `edge` runs both until cancelled.

The broker's acknowledgement means "kept for intake", nothing more: the receipt is the only promise.
"""
