"""The documentation: its commands, links, generated pages and notebooks."""
