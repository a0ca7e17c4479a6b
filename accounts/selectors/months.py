"""Months and years of business dates, as a bank states an account by."""

from datetime import date, timedelta

from accounts.selectors.periods import Period


def this_month(today: date) -> Period:
    """Give the month of ``today``, up to its end."""
    first = today.replace(day=1)
    return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def last_month(today: date) -> Period:
    """Give the last full month."""
    end = today.replace(day=1) - timedelta(days=1)
    return Period(end.replace(day=1), end)


def this_year(today: date) -> Period:
    """Give the year of ``today``, up to its end."""
    return Period(date(today.year, 1, 1), date(today.year, 12, 31))
