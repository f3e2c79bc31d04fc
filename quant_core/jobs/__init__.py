"""Use cases: one module a job, with its command. The composition root stands in wiring."""
