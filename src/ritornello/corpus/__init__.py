"""The dataset and the data loader: files -> shards of token ids -> batches.

Read in order: `pool`, `scan`, `shards`, `batches`.
"""
