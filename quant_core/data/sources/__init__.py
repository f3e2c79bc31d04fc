"""Where prices come from: files, and a synthetic market."""
