"""Reports for people: the dashboard, and profiles of tables."""

from footfall.report.dashboard import (
    DashboardReport,
    build_dashboard,
    page_file,
    render_dashboard,
)
from footfall.report.profile import (
    ProfileReport,
    TableProfile,
    profile_tables,
    require_profiler,
)

__all__ = [
    "DashboardReport",
    "ProfileReport",
    "TableProfile",
    "build_dashboard",
    "page_file",
    "profile_tables",
    "render_dashboard",
    "require_profiler",
]
