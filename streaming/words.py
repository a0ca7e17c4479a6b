"""The words that scripts of the live pages put together, in the language of the page.

``%(name)s`` stands for what a script fills in and ``%%`` for a percent sign; ``_one`` and
``_many`` are chosen by number.
"""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Reason


def dashboard_words() -> dict[str, str]:
    """Give the dashboard's words."""
    return {
        "pause": _("Pause"),
        "resume": _("Resume"),
        "paused_since": _("since %(time)s"),
        "new_one": ngettext("%(count)s new", "%(count)s new", 1),
        "new_many": ngettext("%(count)s new", "%(count)s new", 2),
        "transactions_one": ngettext("%(count)s transaction", "%(count)s transactions", 1),
        "transactions_many": ngettext("%(count)s transaction", "%(count)s transactions", 2),
        "today": _("+%(count)s today"),
        "oldest": _("the oldest: %(age)s"),
        "none_waiting": _("nothing waits"),
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
        "compared_one": ngettext(
            "%(shown)s of %(count)s account with transactions",
            "%(shown)s of %(count)s accounts with transactions",
            1,
        ),
        "compared_many": ngettext(
            "%(shown)s of %(count)s account with transactions",
            "%(shown)s of %(count)s accounts with transactions",
            2,
        ),
        "share_one": ngettext(
            "This account makes %(percent)s%% of the amounts",
            "These %(count)s accounts make %(percent)s%% of the amounts",
            1,
        ),
        "share_many": ngettext(
            "This account makes %(percent)s%% of the amounts",
            "These %(count)s accounts make %(percent)s%% of the amounts",
            2,
        ),
        "shown_one": ngettext(
            "%(shown)s of %(count)s posted transaction",
            "%(shown)s of %(count)s posted transactions",
            1,
        ),
        "shown_many": ngettext(
            "%(shown)s of %(count)s posted transaction",
            "%(shown)s of %(count)s posted transactions",
            2,
        ),
        "others_one": ngettext("%(count)s other account", "%(count)s other accounts", 1),
        "others_many": ngettext("%(count)s other account", "%(count)s other accounts", 2),
        "drawn_of": _("%(shown)s of the %(chosen)s chosen accounts are drawn."),
        "whole_balance": _("A balance is of all transactions, whatever kind, status and agent."),
        "last_step": _("%(account)s: last step %(when)s, %(before)s → %(after)s"),
        "days_a_step": _("one step for %(days)s days, the balance at their end"),
        "step_a_day": _("one step a day, the balance at its end"),
        "step_a_transaction": _("one step a transaction"),
        **_sentences(),
        **{f"reason_{reason.value}": str(reason.label) for reason in Reason if reason.value},
    }


def _sentences() -> dict[str, str]:
    return {
        "balance_sentence": _("Balance after each transaction."),
        "balance_ends_one": ngettext(
            "%(account)s ends at %(balance)s after %(count)s step.",
            "%(account)s ends at %(balance)s after %(count)s steps.",
            1,
        ),
        "balance_ends_many": ngettext(
            "%(account)s ends at %(balance)s after %(count)s step.",
            "%(account)s ends at %(balance)s after %(count)s steps.",
            2,
        ),
        "heat_sentence": _("Number of transactions by account and kind."),
        "heat_part": _("%(account)s: %(deposits)s, %(withdrawals)s."),
        "deposits_counted_one": ngettext("%(count)s deposit", "%(count)s deposits", 1),
        "deposits_counted_many": ngettext("%(count)s deposit", "%(count)s deposits", 2),
        "withdrawals_counted_one": ngettext("%(count)s withdrawal", "%(count)s withdrawals", 1),
        "withdrawals_counted_many": ngettext("%(count)s withdrawal", "%(count)s withdrawals", 2),
        "bars_sentence": _("Amounts by account, deposits and withdrawals."),
        "bars_part": _("%(account)s: %(deposits)s paid in, %(withdrawals)s paid out."),
    }
