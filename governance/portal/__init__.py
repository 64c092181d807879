"""Pages and endpoints that combine apps: syncs, health, navigation. No models, no arithmetic."""
