"""The posting core, without a database."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from accounts.ledger.conclusions import AccountState, Books, Tally, conclude, understand
from accounts.ledger.messages import NO_LINK, digest_of, link_of
from accounts.models import AccountStatus, Outcome, Reason
from tests.builders import delivered, opened, raw, submitted, withdrawn

FINGERPRINT = b"f" * 32


def books(*accounts: AccountState) -> Books:
    return Books(
        fingerprint=FINGERPRINT,
        accounts={each.number: each for each in accounts},
        concluded={},
        partitions={0: Tally(0, NO_LINK), 1: Tally(0, NO_LINK)},
    )


def account(number="C100", balance_minor=0, least_balance_minor=0, **changes) -> AccountState:
    state = {
        "currency": "EUR",
        "status": int(AccountStatus.OPEN),
        "posted_count": 1,
        "turnover_minor": 0,
    } | changes
    return AccountState(
        number=number,
        balance_minor=balance_minor,
        least_balance_minor=least_balance_minor,
        **state,
    )


def concluded(of: Books, *events):
    conclude([understand(delivered(event, n)) for n, event in enumerate(events)], of)
    return [(entry.outcome, entry.reason, entry.balance_minor) for entry in of.entries]


def test_a_deposit_adds_and_a_withdrawal_takes():
    outcomes = concluded(books(account(balance_minor=1_000)), submitted(500), withdrawn(1_500))

    assert outcomes == [(Outcome.POSTED, "", 1_500), (Outcome.POSTED, "", 0)]


def test_a_withdrawal_below_the_least_balance_is_rejected_and_changes_nothing():
    of = books(account(balance_minor=1_000, least_balance_minor=-500))

    outcomes = concluded(of, withdrawn(1_501), withdrawn(1_500))

    assert outcomes == [
        (Outcome.REJECTED, Reason.OVERDRAFT, 1_000),
        (Outcome.POSTED, "", -500),
    ]


def test_history_posts_below_the_least_balance_and_is_marked():
    outcomes = concluded(books(account()), withdrawn(1, source="import"))

    assert outcomes == [(Outcome.POSTED, Reason.OVERDRAWN, -1)]


def test_a_deposit_that_leaves_an_account_overdrawn_is_posted_and_marked():
    outcomes = concluded(books(account(balance_minor=-100)), submitted(60), submitted(40))

    assert outcomes == [(Outcome.POSTED, Reason.OVERDRAWN, -40), (Outcome.POSTED, "", 0)]


def test_an_account_never_opened_is_rejected_without_a_balance():
    assert concluded(books(), submitted()) == [(Outcome.REJECTED, Reason.UNKNOWN_ACCOUNT, None)]


def test_an_account_opens_with_its_balance_and_only_once():
    outcomes = concluded(books(), opened(opening_balance_minor=300), opened(), withdrawn(300))

    assert outcomes == [
        (Outcome.POSTED, "", 300),
        (Outcome.REJECTED, Reason.ALREADY_OPEN, 300),
        (Outcome.POSTED, "", 0),
    ]


def test_another_currency_is_rejected():
    outcomes = concluded(books(account()), submitted(currency="USD"))

    assert outcomes == [(Outcome.REJECTED, Reason.OTHER_CURRENCY, 0)]


def test_a_frozen_account_takes_nothing():
    frozen = account(balance_minor=5, status=int(AccountStatus.FROZEN))

    assert concluded(books(frozen), submitted()) == [(Outcome.REJECTED, Reason.FROZEN, 5)]


def test_a_balance_that_would_leave_the_range_is_rejected():
    rich = account(balance_minor=10**18)

    assert concluded(books(rich), submitted(1)) == [(Outcome.REJECTED, Reason.OUT_OF_RANGE, 10**18)]


def test_no_more_goes_through_an_account_than_its_sums_hold():
    busy = account(balance_minor=5, turnover_minor=9 * 10**18 - 3)

    assert concluded(books(busy), submitted(2), withdrawn(2), withdrawn(1)) == [
        (Outcome.POSTED, "", 7),
        (Outcome.REJECTED, Reason.OUT_OF_RANGE, 7),
        (Outcome.POSTED, "", 6),
    ]


def test_the_same_bytes_again_are_a_repeat_and_other_content_is_dead():
    event = submitted(100)
    of = books(account())

    outcomes = concluded(of, event, event, submitted(101, transaction_id=event.transaction_id))

    assert outcomes == [(Outcome.POSTED, "", 100)]
    assert of.partitions[0].repeats == 1
    assert [each.refused.reason for each in of.dead] == ["id_reused"]


def test_a_dead_letter_lets_its_neighbours_post():
    of = books(account())

    conclude(
        [
            understand(delivered(submitted(1), 0)),
            understand(raw(b"not json", 1)),
            understand(delivered(submitted(2), 2)),
        ],
        of,
    )

    assert [entry.balance_minor for entry in of.entries] == [1, 3]
    assert of.dead[0].refused.message.offset == 1
    assert of.partitions[0].next_offset == 3


def test_each_concluded_or_dead_message_is_a_link_and_a_repeat_is_none():
    event = submitted(7)
    of = books(account())
    messages = [delivered(event, 0), delivered(event, 1), raw(b"x", 2)]

    conclude([understand(each) for each in messages], of)

    digest = digest_of(messages[0].key, messages[0].value)
    first = link_of(NO_LINK, FINGERPRINT, 0, 0, digest, int(Outcome.POSTED), "", 7)
    last = link_of(first, FINGERPRINT, 0, 2, digest_of(b"C100", b"x"), 3, "not_understood", None)
    assert of.entries[0].link == first
    assert of.partitions[0].link == of.dead[0].link == last


def test_totals_count_posted_transactions_and_neither_openings_nor_rejections():
    of = books()

    concluded(of, opened(opening_balance_minor=50), submitted(100), submitted(1), withdrawn(900))

    assert [(key[0], key[2], total) for key, total in of.totals.items()] == [("C100", 2, [2, 101])]


amounts = st.integers(1, 5_000)
changes = st.one_of(
    st.builds(submitted, amounts),
    st.builds(withdrawn, amounts),
    st.builds(withdrawn, amounts, source=st.just("import")),
)


@given(st.lists(changes, max_size=40), st.integers(0, 3_000), st.integers(-2_000, 0))
def test_a_balance_is_its_opening_plus_what_was_posted(events, opening_minor, least_minor):
    of = books()

    concluded(
        of, opened(opening_balance_minor=opening_minor, least_balance_minor=least_minor), *events
    )

    posted = [entry for entry in of.entries if entry.outcome == Outcome.POSTED][1:]
    signed = [e.amount_minor if e.kind == 2 else -e.amount_minor for e in posted]
    assert of.accounts["C100"].balance_minor == opening_minor + sum(signed)
    assert len(of.entries) == len(events) + 1


@given(st.lists(changes, max_size=40), st.integers(-2_000, 0))
def test_only_history_goes_below_the_least_balance_and_what_is_below_is_marked(events, least_minor):
    of = books()

    concluded(of, opened(least_balance_minor=least_minor), *events)

    for entry in of.entries[1:]:
        is_below = entry.balance_minor < least_minor
        if entry.outcome == Outcome.POSTED:
            assert (entry.reason == Reason.OVERDRAWN) == is_below
            if is_below and entry.kind == 3:
                assert entry.event.source == "import"


@given(st.lists(changes, max_size=25), st.lists(st.integers(0, 25), max_size=4))
def test_cutting_the_log_into_batches_changes_nothing(events, cuts):
    whole, parts = books(), books()
    messages = [understand(delivered(e, n)) for n, e in enumerate([opened(), *events])]

    conclude(messages, whole)
    edges = [0, *sorted(cuts), len(messages)]
    for start, end in pairwise(edges):
        conclude(messages[start:end], parts)

    assert [entry.link for entry in parts.entries] == [entry.link for entry in whole.entries]


@given(st.lists(changes, min_size=1, max_size=20), st.data())
def test_redelivery_of_anything_changes_no_balance(events, data):
    once, often = books(account(balance_minor=500)), books(account(balance_minor=500))
    again = data.draw(st.lists(st.sampled_from(events), max_size=10))

    concluded(once, *events)
    concluded(often, *events, *again)

    assert often.accounts["C100"].balance_minor == once.accounts["C100"].balance_minor
    assert often.partitions[0].repeats == len(again)
