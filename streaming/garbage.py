"""How often a process that stays looks for cycles among its objects."""

import gc


def collect_garbage_less(allocations: int = 100_000, looks: int = 20) -> None:
    """Leave alone what is there already, and look through what is new less often than Python does.

    Call it when all is loaded that stays. ``allocations`` more objects than were let go are made
    before the youngest are looked through; after so many ``looks`` those that outlived one are, and
    after as many of these all.
    """
    gc.freeze()
    gc.set_threshold(allocations, looks, looks)
