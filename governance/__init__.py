"""How the platform runs: settings, the floor every app stands on, and the composition on top."""
