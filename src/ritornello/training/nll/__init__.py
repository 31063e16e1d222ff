"""The field's benchmarks: exact nats of collections of polyphonic music, beside published figures.

Boulanger-Lewandowski, Bengio and Vincent (2012, arXiv:1206.6392) published four collections as piano rolls with fixed
splits; papers compare the negative log-likelihood of the test split, per frame. They differ in the average (over all
frames, or over the means of pieces) and in whether the first frame counts, so all four figures are given. Of one of
them, the chorales of Bach, others publish nats per voice and step in sixteenths, the voices apart.

Read in order: `splits`, `matrices` and `grids` (the data), `voices` (grids as ids), `collections` (what is trained on
how), `scoring` (the measure), `benchmark` (training and test), `published` (figures of papers).
"""
