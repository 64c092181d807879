"""Django's own database engines, told the scope of each statement (docs/adr/0016-row-level-security.md)."""
