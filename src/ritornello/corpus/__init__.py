"""The dataset: files -> shards of token ids -> the streams in which they are read.

Read in order: `pool`, `scan`, `shards`, `streams`.
"""
