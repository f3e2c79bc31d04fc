"""Where orders go: the port every broker implements, and the simulated broker."""
