"""Reports for people: the dashboard."""

from footfall.report.dashboard import (
    DashboardReport,
    build_dashboard,
    page_file,
    render_dashboard,
)

__all__ = ["DashboardReport", "build_dashboard", "page_file", "render_dashboard"]
