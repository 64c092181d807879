"""Ratios within one run that say whether the platform is fast enough: `python -m bench`, explained in README.md."""
