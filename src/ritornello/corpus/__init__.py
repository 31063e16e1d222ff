"""A folder of files -> shards of integers -> batches. Read in order: `work`, `scan`, `shards`, `batches`."""
