"""The paper broker: an exchange and an account in process, for trading without money.

* :mod:`~quant_core.brokers.paper.exchange` - orders meet prices; the books move.
* :mod:`~quant_core.brokers.paper.ledger` - the account's ledger, and how its moves are told.
* :mod:`~quant_core.brokers.paper.books` - all of it in SQLite, one transaction a transition.
* :mod:`~quant_core.brokers.paper.venue_clock` - which phase of which session it is.
* :mod:`~quant_core.brokers.paper.scenario` - the file that tells it to misbehave.
* :mod:`~quant_core.brokers.paper.faults` - how it does.
* :mod:`~quant_core.brokers.paper.venue` - the five together, one transition at a time.
* :mod:`~quant_core.brokers.paper.broker` - the broker port on top.
"""
