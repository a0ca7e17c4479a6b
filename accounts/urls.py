"""Addresses of the bank's pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
