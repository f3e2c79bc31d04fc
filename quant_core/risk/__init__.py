"""Risk rules as pure functions: verdicts and breakers, state in, state out."""
