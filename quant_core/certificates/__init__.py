"""Certificates: what is proved of a run, from its data to its orders.

``causality`` nothing later than a close changes what was decided at it; ``null`` random
scores earn no alpha; ``conservation`` every micro-unit is accounted for;
``implementation_band`` how far the result moves across defensible conventions;
``reproducibility`` the same settings give the same bytes.

Each is a function from values to a :class:`~quant_core.certificates.certificate.Certificate`;
:mod:`quant_core.jobs.prove` gives them a run and writes the page.
"""
