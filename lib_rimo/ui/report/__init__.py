"""What leaves the page: reports, tables, charts and animations."""
