"""Evaluation of a model: the likelihood of held-out pieces, and what sets the pieces that it composes apart from them.

No figure replaces the others.
- *Likelihood*: nats a token, a note and a second of whole pieces; the last two compare models of different
  representations.
- *Told apart*: a classifier (`forest`) that has learned from other pieces names the composed one of a pair
  (`two_sample`), by two hundred numbers of each piece (`details`: `lines`, `form`, and `reference` for what needs other
  real pieces to be measured). `contrast` adds counts of faults.
- *Likeness*: 17 features (`features`), compared by the overlap of their distributions (`comparison`), beside that of
  two halves of the real pieces, which is the ceiling. Pieces may be alike in each and be told apart at once.
- *By ear*: `listening` makes a page for blind comparison, and reads its ratings.

Real pieces are first encoded and decoded by the model's representation, and cut to the length of the composed ones.

Read in order: `features`, `comparison`, `details`, `two_sample`, `contrast`, `evaluate`, then `report`.
"""
