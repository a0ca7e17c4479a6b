"""Work for a bank: tellers at their forms, and another system that publishes by itself."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event, Thread
from typing import Any

from accounts.identifiers import new_transaction_id
from tests.builders import encode, submitted, withdrawn
from tests.faults.bank import ACCOUNTS, Bank, Message
from tests.faults.seeds import Chances
from tests.faults.teller import Teller
from tests.faults.work import movements

TELLERS = 3
_PAUSE_S = 0.05
# What tellers may be answered, at first and where a form is sent again.
_ANSWERS = {"302", "503", "none", "again 302", "again 409", "again 503"}


class Load:
    """Threads that go on until told to stop, each with chances of its own.

    ``tellers`` serve a customer after the other; the bank's own does so at three counters.
    """

    def __init__(self, bank: Bank, chances: Chances, tellers: Sequence[Teller] = ()) -> None:
        self.bank = bank
        self.answers: Counter[str] = Counter()
        self.published = 0
        self._is_over = Event()
        # What was published last, for whoever wants to publish it again.
        self.recent: deque = deque(maxlen=200)
        self._asked_for: deque[tuple[Message, ...]] = deque()
        at_work = tellers or [bank.teller] * TELLERS
        serving = [partial(self._serve_customers, teller) for teller in at_work]
        workers = [*serving, self._publish]
        self._threads = [
            Thread(
                target=self._until_over,
                args=(work, Chances(chances.getrandbits(32))),
                daemon=True,
            )
            for work in workers
        ]
        self.failures: list[BaseException] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def also_publish(self, *messages: Message) -> None:
        """Have the other system publish these too, before all else.

        Never waits, so that whoever froze the broker can let it go on.
        """
        self._asked_for.append(messages)

    def stop(self) -> None:
        """Let everybody finish what is begun; raise what went wrong."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]
        self._publish_what_was_asked_for()

    def _until_over(self, work: Callable[[Chances], None], chances: Chances) -> None:
        try:
            while not self._is_over.wait(chances.uniform(0, 2 * _PAUSE_S)):
                work(chances)
        except BaseException as failure:
            self.failures.append(failure)

    def check_answers(self) -> None:
        """Assert that tellers were answered as they may be, and some of them with a receipt."""
        odd = self.answers.keys() - _ANSWERS
        assert not odd, f"tellers were answered with {odd}"
        assert self.answers["302"], "nothing was submitted"

    def _serve_customers(self, teller: Teller, chances: Chances) -> None:
        """Fill in one form, and send it until there is an answer, as agents do."""
        kind = chances.choice(("deposit", "deposit", "withdrawal"))
        amount_minor, account = chances.randint(1, 500), chances.choice(ACCOUNTS)
        identifier = new_transaction_id()
        while not self._is_over.is_set():
            try:
                answer = teller.submit(kind, amount_minor, account, identifier)
            except OSError:
                self.answers["none"] += 1
                self._is_over.wait(_PAUSE_S)
                continue
            self.answers[str(answer.status)] += 1
            if answer.status != 503:
                break
        if chances.random() < 0.05:
            again = amount_minor + chances.randint(0, 1)
            self._send_again(teller, kind, again, account, identifier)

    def _send_again(self, teller: Teller, *form: Any) -> None:
        try:
            answer = teller.submit(*form)
        except OSError:
            return
        self.answers[f"again {answer.status}"] += 1

    def _publish_what_was_asked_for(self) -> None:
        while self._asked_for:
            self.bank.publish_messages(*self._asked_for.popleft())

    def _publish(self, chances: Chances) -> None:
        self._publish_what_was_asked_for()
        events = movements(chances, chances.randint(5, 60), ACCOUNTS)
        self.bank.publish(*events)
        self.published += len(events)
        self.recent.extend(events[-5:])


def poison_for(chances: Chances) -> Message:
    """Give a message that is no event."""
    account = chances.choice(ACCOUNTS)
    key, good = encode(chances.choice((submitted, withdrawn))(5, account=account))
    return chances.choice(
        (
            (key, b"{broken"),
            (key, good.replace(b'"version":1', b'"version":99')),
            (key, good.replace(b'"amount_minor":5', b'"amount_minor":-5')),
            (key, good.replace(b'"amount_minor":5', b'"amount_minor":100000000000000000000')),
            (b"C999", good),
            (None, good),
            (key, None),
            (key, b"\xff\xfe\x00"),
            (key, b"x" * 100_000),
        )
    )
