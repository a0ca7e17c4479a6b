"""Numbers with their nouns, as the console says them."""


def counted(number: int, one: str, many: str = "") -> str:
    """Give a number with its noun: ``1 row``, ``2,000 rows``; ``many`` where an s is not enough."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
