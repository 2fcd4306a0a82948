"""The words: the metric catalogue, the `readings` payload and plausibility. Pure: no I/O, no clock."""
