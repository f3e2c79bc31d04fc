"""Getting data in and keeping it: sources, the quality gate, the warehouse."""
