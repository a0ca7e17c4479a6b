"""Addresses of the bank's pages."""

from django.urls import path

from accounts.views.account import account
from accounts.views.audit import audit, audit_entry, export_audit
from accounts.views.receipts import receipt, receipt_status
from accounts.views.search import accounts, home, search_results
from accounts.views.statement import statement, statement_as_csv, statement_as_pdf
from accounts.views.submit import new_account, new_transaction
from accounts.views.team import team, team_member
from accounts.views.transactions import export_transactions, transactions

urlpatterns = [
    path("", home, name="home"),
    path("accounts/", accounts, name="accounts"),
    path("accounts/new/", new_account, name="new_account"),
    path("accounts/search/", search_results, name="search"),
    path("accounts/<str:number>/", account, name="account"),
    path("accounts/<str:number>/statement/", statement, name="statement"),
    path("accounts/<str:number>/statement.pdf", statement_as_pdf, name="statement_pdf"),
    path("accounts/<str:number>/statement.csv", statement_as_csv, name="statement_csv"),
    path("team/", team, name="team"),
    path("team/<int:agent_id>/", team_member, name="team_member"),
    path("transactions/", transactions, name="transactions"),
    path("transactions/new/", new_transaction, name="new_transaction"),
    path("transactions/export.csv", export_transactions, name="export_transactions"),
    path("transactions/<uuid:transaction_id>/", receipt, name="receipt"),
    path("transactions/<uuid:transaction_id>/status/", receipt_status, name="receipt_status"),
    path("audit/", audit, name="audit"),
    path("audit/export.csv", export_audit, name="export_audit"),
    path("audit/<int:record_id>/", audit_entry, name="audit_record"),
]
