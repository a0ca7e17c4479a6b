"""Addresses of the live pages."""

from django.urls import path

from streaming.board_views import (
    board_settings,
    boards,
    copy_board,
    first_board,
    remove_board,
    save_board,
)
from streaming.boards import OF_THE_ROLE
from streaming.views import dashboard, dashboard_figures

urlpatterns = [
    path("dashboard/", dashboard, name="dashboard"),
    path("dashboard/default/", dashboard, {"board_id": OF_THE_ROLE}, name="default_board"),
    path("dashboard/<int:board_id>/", dashboard, name="board"),
    path("dashboard/figures/", dashboard_figures, name="dashboard_figures"),
    path("dashboards/", boards, name="boards"),
    path("dashboards/save/", save_board, name="save_board"),
    path("dashboards/first/", first_board, name="first_board"),
    path("dashboards/<int:board_id>/", board_settings, name="board_settings"),
    path("dashboards/<int:board_id>/copy/", copy_board, name="copy_board"),
    path("dashboards/<int:board_id>/delete/", remove_board, name="remove_board"),
]
