"""Addresses of the live pages."""

from django.urls import path

from streaming.views import dashboard, dashboard_figures

urlpatterns = [
    path("dashboard/", dashboard, name="dashboard"),
    path("dashboard/figures/", dashboard_figures, name="dashboard_figures"),
]
