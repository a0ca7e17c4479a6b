-- What each process may do, and none over what others write. Run by the owner of the tables after
-- each `manage.py migrate`; may be repeated.
GRANT USAGE ON SCHEMA public TO bank_web, bank_relay, bank_consumer;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO bank_web;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO bank_web, bank_consumer;
GRANT INSERT ON accounts_account, accounts_submission, accounts_outbox, accounts_deadletterdecision,
    accounts_auditrecord, accounts_agent, accounts_branch, accounts_allowance, django_admin_log
    TO bank_web;
GRANT UPDATE ON accounts_audithead, accounts_agent, accounts_branch, accounts_allowance TO bank_web;
GRANT INSERT, UPDATE, DELETE ON accounts_board, django_session, shared_cache, mfa_authenticator,
    usersessions_usersession, axes_accessattempt, axes_accessfailurelog, axes_accesslog,
    axes_accessattemptexpiration, account_emailaddress TO bank_web;

GRANT SELECT ON accounts_log, accounts_logposition, accounts_outbox, accounts_submission,
    accounts_entry, accounts_deadletter, accounts_deadletterdecision, django_migrations
    TO bank_relay;
GRANT UPDATE ON accounts_outbox TO bank_relay;

GRANT SELECT ON accounts_log, accounts_logposition, accounts_outbox, accounts_entry,
    accounts_deadletter, accounts_balance, accounts_dailytotal, accounts_account, django_migrations
    TO bank_consumer;
GRANT INSERT ON accounts_log, accounts_logposition, accounts_outbox, accounts_entry,
    accounts_deadletter, accounts_balance, accounts_dailytotal, accounts_account TO bank_consumer;
GRANT UPDATE ON accounts_logposition, accounts_balance, accounts_dailytotal TO bank_consumer;
