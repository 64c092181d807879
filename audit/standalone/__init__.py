"""What is handed out beside an exported trail. `verify_audit.py` imports nothing but the standard library."""
