"""The portal in a real browser: every page looked at, and what people do with it. `make e2e` runs them."""
