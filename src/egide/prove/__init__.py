"""`egide prove`: every claim that can be attacked is attacked, live, against a platform started for it.

`register` lists the attacks, `arena` is where they happen, `report` shows what happened. An attack uses what an
attacker would have: the network, an enrolled object's key, a stolen folder, a row of the database.
"""
