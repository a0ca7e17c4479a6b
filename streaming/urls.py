"""Addresses of the live pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
