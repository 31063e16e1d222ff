"""Evaluation of a model: the likelihood of held-out pieces, and the likeness of generated pieces to real ones.

Neither figure replaces the other. *Likelihood*: nats a token, a note and a second of whole pieces; the last two compare
models of different representations. *Likeness*: features of generated and of real pieces (`features`), compared by the
overlap of their distributions (`comparison`), beside the overlap of two halves of the real pieces, which is the
ceiling. Real pieces are first encoded and decoded by the model's representation, and for the features cut to the length
of the generated ones.

Read in order: `features`, `comparison`, `evaluate`, then `report`.
"""
