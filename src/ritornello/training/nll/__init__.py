"""The field's benchmark: exact nats per frame of four collections of polyphonic music, beside published figures.

Boulanger-Lewandowski, Bengio and Vincent (2012, arXiv:1206.6392) published four collections as piano rolls with fixed
splits; papers compare the negative log-likelihood of the test split. They differ in the average (over all frames, or
over the means of pieces) and in whether the first frame counts, so all four figures are given.

Read in order: `matrices` (the data), `scoring` (the measure), `benchmark` (the training), `published` (figures of
papers).
"""
