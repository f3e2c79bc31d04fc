"""What a run writes: tables, metrics, manifest and the HTML report."""
