"""The words that scripts of the live pages put together, in the language of the page.

``%(name)s`` stands for what a script fills in and ``%%`` for a percent sign; ``_one`` and
``_many`` are chosen by number.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from accounts.models import Reason


def dashboard_words() -> Mapping[str, str]:
    """Give the dashboard's words."""
    return _dashboard_words(get_language())


@lru_cache
def _dashboard_words(_language: str | None) -> Mapping[str, str]:
    return {
        "pause": _("Pause"),
        "resume": _("Resume"),
        "paused_since": _("since %(time)s"),
        "today": _("+%(count)s today"),
        "that_day": _("+%(count)s that day"),
        "oldest": _("the oldest: %(age)s"),
        "none_waiting": _("nothing waits"),
        "of_now_only": _("known of now only"),
        "ninety_five": _("95%% under %(delay)s, last hour"),
        "no_delay": _("no submission in the last hour"),
        "show_table": _("Show as table"),
        "show_chart": _("Show as chart"),
        "deposit": _("Deposit"),
        "deposits": _("Deposits"),
        "withdrawal": _("Withdrawal"),
        "withdrawals": _("Withdrawals"),
        "account": _("Account"),
        "date": _("Date"),
        "amount": _("Amount"),
        "balance": _("Balance"),
        "none_found": _("No account found."),
        "drawn_of": _("%(shown)s of the %(chosen)s chosen accounts are drawn."),
        "whole_balance": _("A balance is of all transactions, whatever kind, status and agent."),
        "last_step": _("%(account)s: last step %(when)s, %(before)s → %(after)s"),
        "envelope": _("lowest, highest and last balance of each span"),
        "envelope_of_days": _("lowest, highest and last of the balances at the ends of days"),
        "lowest": _("Lowest"),
        "highest": _("Highest"),
        "step_a_transaction": _("one step a transaction"),
        "day_more": _("%(difference)s more"),
        "day_less": _("%(difference)s less"),
        "day_same": _("as much"),
        "overdrawn_by": _("overdrawn by %(amount)s"),
        "minute": _("Minute"),
        "transactions": _("Transactions"),
        "from_time": _("From"),
        "median": _("Median"),
        "percent_95": _("95%% under"),
        "rate_most": _("Most at %(time)s: %(most)s."),
        "delay_sentence": _("Median %(median)s, 95%% under %(most)s."),
        **_counted(),
        **_sentences(),
        **{f"reason_{reason.value}": str(reason.label) for reason in Reason if reason.value},
    }


def _counted() -> dict[str, str]:
    forms: dict[str, Callable[[int], str]] = {
        "new": lambda n: ngettext("%(count)s new", "%(count)s new", n),
        "transactions": lambda n: ngettext("%(count)s transaction", "%(count)s transactions", n),
        "share": lambda n: ngettext(
            "This account makes %(percent)s%% of the amounts",
            "These %(count)s accounts make %(percent)s%% of the amounts",
            n,
        ),
        "balance_ends": lambda n: ngettext(
            "%(account)s ends at %(balance)s after %(count)s step.",
            "%(account)s ends at %(balance)s after %(count)s steps.",
            n,
        ),
        "deposits_counted": lambda n: ngettext("%(count)s deposit", "%(count)s deposits", n),
        "withdrawals_counted": lambda n: ngettext(
            "%(count)s withdrawal", "%(count)s withdrawals", n
        ),
        "compared": lambda n: ngettext(
            "%(first)s to %(last)s of %(count)s account with transactions",
            "%(first)s to %(last)s of %(count)s accounts with transactions",
            n,
        ),
        "found": lambda n: ngettext(
            "%(first)s to %(last)s of %(count)s account found",
            "%(first)s to %(last)s of %(count)s accounts found",
            n,
        ),
        "shown_posted": lambda n: ngettext(
            "%(shown)s of %(count)s posted transaction",
            "%(shown)s of %(count)s posted transactions",
            n,
        ),
        "shown_rejected": lambda n: ngettext(
            "%(shown)s of %(count)s rejected transaction",
            "%(shown)s of %(count)s rejected transactions",
            n,
        ),
        "rejected_counted": lambda n: ngettext(
            "%(count)s rejected transaction", "%(count)s rejected transactions", n
        ),
        "near": lambda n: ngettext(
            "%(count)s account has less than %(limit)s left",
            "%(count)s accounts have less than %(limit)s left",
            n,
        ),
        "rate_sentence": lambda n: ngettext(
            "%(count)s transaction posted in the last hour.",
            "%(count)s transactions posted in the last hour.",
            n,
        ),
        "delay_of": lambda n: ngettext("of %(count)s submission", "of %(count)s submissions", n),
        "delay_cut": lambda n: ngettext(
            "of the last %(count)s submission", "of the last %(count)s submissions", n
        ),
    }
    return {
        f"{name}_{form}": words(number)
        for name, words in forms.items()
        for form, number in (("one", 1), ("many", 2))
    }


def _sentences() -> dict[str, str]:
    return {
        "balance_sentence": _("Balance after each transaction."),
        "heat_sentence": _("Number of transactions by account and kind."),
        "heat_part": _("%(account)s: %(deposits)s, %(withdrawals)s."),
        "bars_sentence": _("Amounts by account, deposits and withdrawals."),
        "bars_part": _("%(account)s: %(deposits)s paid in, %(withdrawals)s paid out."),
    }
