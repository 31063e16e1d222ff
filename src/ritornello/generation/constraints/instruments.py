"""`instruments`: instruments that do not always have a note left are not chosen (see `feasibility`).

It is the first row of the table, so settings that cannot be kept together are refused before other constraints start.
"""

from __future__ import annotations

from ritornello.generation.constraints.base import Constraint, Context, Never


class Instruments(Constraint):
    name = "instruments"

    def start(self, context: Context) -> Never | None:
        import numpy as np

        from ritornello.generation.feasibility import pitch_settings

        if not pitch_settings(context):
            return None
        tokens = [each.token for each in context.feasible.idle if each.token is not None]
        state = Never(self.name, 5, np.array(tokens, dtype=np.int64))
        state.is_asked = False  # it follows from what is asked
        return state
