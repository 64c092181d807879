"""How the web process reads requests; gunicorn loads this file from where it starts. Bodies: governance/parsing.py."""

limit_request_line = 4094  # bytes; the longest address of a filtered list is below 2,000
limit_request_fields = 60  # a browser behind two proxies sends about 30
limit_request_field_size = 8190  # bytes; a bearer token of Entra ID with many claims is below 4,000
timeout = 60  # seconds; one that is busy longer than this is restarted
