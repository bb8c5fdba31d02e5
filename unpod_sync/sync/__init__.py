"""One sync in steps: plan, extract, reconcile, load."""
