"""How good is a model: what it thinks of pieces it never saw, and how its own pieces compare with them.

Two questions, and neither answers the other. *Likelihood*: nats a token, a note and a second of whole pieces; the last
two compare models of different representations. *Likeness*: features of generated pieces against those of real ones
(`features`), as the area that their distributions share (`comparison`), beside what two halves of the real pieces reach
between each other: more cannot be asked. All pieces are seen as the model's own representation gives them back, and for
the features cut to the length of the generated ones.

Read in order: `features`, `comparison`, `evaluate`, then `report`.
"""
