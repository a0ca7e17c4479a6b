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
        "compared": _("%(shown)s accounts of %(all)s with transactions"),
        "share": _("These %(shown)s accounts make %(percent)s%% of the amounts"),
        "shown_one": ngettext("%(count)s shown", "%(count)s shown", 1),
        "shown_many": ngettext("%(count)s shown", "%(count)s shown", 2),
        "remove": _("Remove %(account)s"),
        "unknown": _("No such account: %(account)s"),
        "too_many": _("At most %(most)s accounts are drawn at once."),
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
        "balance_ends": _("%(account)s ends at %(balance)s after %(count)s steps."),
        "heat_sentence": _("Number of transactions by account and kind."),
        "heat_part": _("%(account)s: %(deposits)s deposits, %(withdrawals)s withdrawals."),
        "bars_sentence": _("Amounts by account, deposits and withdrawals."),
        "bars_part": _("%(account)s: %(deposits)s paid in, %(withdrawals)s paid out."),
    }
