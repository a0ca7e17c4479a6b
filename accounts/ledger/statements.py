"""The statements of posting: what SQLite takes for each row, and PostgreSQL for all at once."""

from typing import Final

IS_FOLLOWED = "SELECT 1 FROM accounts_log WHERE id = %s AND is_current"
MOVE_POSITION = """
    UPDATE accounts_logposition SET next_offset = %s
    WHERE log_id = %s AND partition = %s AND next_offset = %s
"""
LINKS = "SELECT partition, link FROM accounts_logposition WHERE log_id = %s"
RECORD_PROGRESS = """
    UPDATE accounts_logposition
    SET leader_epoch = %s, last_offset = %s, last_digest = %s, link = %s,
        transactions = transactions + %s, posted = posted + %s, rejected = rejected + %s,
        dead = dead + %s, repeats = repeats + %s
    WHERE log_id = %s AND partition = %s AND next_offset = %s
"""
# Both at once, for a batch that was concluded before the one ahead of it was written.
MOVE_ON = """
    UPDATE accounts_logposition
    SET next_offset = %s, leader_epoch = %s, last_offset = %s, last_digest = %s, link = %s,
        transactions = transactions + %s, posted = posted + %s, rejected = rejected + %s,
        dead = dead + %s, repeats = repeats + %s
    WHERE log_id = %s AND partition = %s AND next_offset = %s AND link = %s
        AND EXISTS (SELECT 1 FROM accounts_log WHERE id = log_id AND is_current)
"""
OUTCOMES = "SELECT transaction_id, digest FROM accounts_entry WHERE transaction_id"
STATES = """
    SELECT account, currency, balance_minor, least_balance_minor, status, posted_count,
        turnover_minor
    FROM accounts_balance WHERE account"""
ENTRY_COLUMNS = """
        transaction_id, account, kind_id, outcome, reason, amount_minor, currency,
        balance_minor, business_date, reference, source, submitted_by, submitted_at_ms,
        logged_at_ms, posted_at_ms, log_id, partition, "offset", digest, link
"""
ADD_ENTRY = f"""
    INSERT INTO accounts_entry ({ENTRY_COLUMNS})
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""  # noqa: S608 our own names
FILE_ACCOUNT = """
    INSERT INTO accounts_account (number, holder, branch_id, created_at)
    VALUES (%s, '', NULL, %s) ON CONFLICT (number) DO NOTHING
"""
OPEN_BALANCE = """
    INSERT INTO accounts_balance (
        account, currency, balance_minor, least_balance_minor, status, posted_count,
        turnover_minor
    ) VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
MOVE_BALANCE = """
    UPDATE accounts_balance SET balance_minor = %s, turnover_minor = %s, posted_count = %s
    WHERE account = %s AND posted_count = %s AND balance_minor = %s
"""
# Changes nothing but the number of rows changed.
TOUCH_BALANCE = "UPDATE accounts_balance SET status = status WHERE account = %s"
ADD_TOTAL = """
    INSERT INTO accounts_dailytotal (account, business_date, kind_id, count, amount_minor)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (account, business_date, kind_id) DO UPDATE
    SET count = accounts_dailytotal.count + excluded.count,
        amount_minor = accounts_dailytotal.amount_minor + excluded.amount_minor
"""

# The same for PostgreSQL, with all rows in one statement that takes their columns as arrays; only
# entries go by COPY. A statement a row costs it several times as much.
AT_ONCE: Final[dict[str, str]] = {
    ADD_ENTRY: f"COPY accounts_entry ({ENTRY_COLUMNS}) FROM STDIN",
    FILE_ACCOUNT: """
        INSERT INTO accounts_account (number, holder, branch_id, created_at)
        SELECT number, '', NULL, created_at
        FROM unnest(%s::text[], %s::timestamptz[]) AS filed (number, created_at)
        ON CONFLICT (number) DO NOTHING
    """,
    OPEN_BALANCE: """
        INSERT INTO accounts_balance (
            account, currency, balance_minor, least_balance_minor, status, posted_count,
            turnover_minor
        ) SELECT * FROM unnest(
            %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::smallint[], %s::bigint[],
            %s::bigint[]
        )
    """,
    MOVE_BALANCE: """
        UPDATE accounts_balance SET balance_minor = moved.balance_minor,
            turnover_minor = moved.turnover_minor, posted_count = moved.posted_count
        FROM unnest(
            %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[]
        ) AS moved (balance_minor, turnover_minor, posted_count, account, was_count, was_minor)
        WHERE accounts_balance.account = moved.account
            AND accounts_balance.posted_count = moved.was_count
            AND accounts_balance.balance_minor = moved.was_minor
    """,
    ADD_TOTAL: """
        INSERT INTO accounts_dailytotal (account, business_date, kind_id, count, amount_minor)
        SELECT * FROM unnest(%s::text[], %s::date[], %s::smallint[], %s::bigint[], %s::bigint[])
        ON CONFLICT (account, business_date, kind_id) DO UPDATE
        SET count = accounts_dailytotal.count + excluded.count,
            amount_minor = accounts_dailytotal.amount_minor + excluded.amount_minor
    """,
}
