"""The figures of a report, as SVG that fits a light and a dark page."""
