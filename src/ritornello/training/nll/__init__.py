"""The field's yardstick: nats per frame of four collections of polyphonic music, exact, beside published figures.

Boulanger-Lewandowski, Bengio and Vincent (2012, arXiv:1206.6392) published four collections as piano rolls with fixed
splits; what a model gives the frames of the test split is compared ever since. Papers differ in what they average
(all frames, or each piece first) and in whether the first frame counts, so all four figures are given.

Read in order: `matrices` (the data), `scoring` (what is measured), `benchmark` (how a model comes about),
`published` (what others reached).
"""
