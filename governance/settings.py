"""Every setting once, top to bottom, read from the environment and failing loudly.

Any variable may also be given as NAME_FILE, the path of a file that holds the value (mounted secrets).
Contradictions between settings are system checks: `governance/checks.py`. `.env.example` lists the variables.
"""

import ssl
from pathlib import Path

from environs import FileAwareEnv

from governance import limits, schedules, storage, telemetry, token_providers

BASE_DIR = Path(__file__).resolve().parent.parent

env = FileAwareEnv()
env.read_env(BASE_DIR / ".env", recurse=False)

# --- Where it runs -------------------------------------------------------------------------------------------------
ENVIRONMENT: str = env.str("GOVERNANCE_ENVIRONMENT", "development")  # development | production; checked in checks.py
PRODUCTION = ENVIRONMENT == "production"
DEBUG: bool = env.bool("DJANGO_DEBUG", False)
INSECURE_KEY = "insecure-development-key-never-used-in-production"
SECRET_KEY: str = env.str("DJANGO_SECRET_KEY", INSECURE_KEY)
ALLOWED_HOSTS: list[str] = env.list("DJANGO_ALLOWED_HOSTS", ["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("DJANGO_CSRF_TRUSTED_ORIGINS", [])
# Proxies of ours before the platform: 0 = none, 1 = App Service, 2 = Front Door and App Service. See addresses.py.
TRUSTED_PROXY_HOPS: int = env.int("TRUSTED_PROXY_HOPS", 0)

ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

# --- What it is made of --------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "governance",  # first: its commands take the place of Django's
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "corsheaders",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_structlog",
    "django_htmx",
    "social_django",
    "audit",
    "tenants",
    "inventory",
    "costs",
]

MIDDLEWARE = [
    # What sets headers stands outside of what answers: static files, redirects and refusals carry them too.
    "governance.middleware.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "tenants.middleware.AuthenticationMiddleware",
    "tenants.middleware.BearerMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tenants.middleware.ScopeMiddleware",
    "audit.middleware.ActorMiddleware",
    "governance.gate.GateMiddleware",
    "governance.middleware.LimitMiddleware",  # the innermost: it counts a person and the tenants in scope
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "governance.portal.navigation.navigation",
            ],
        },
    },
]

# --- Database: SQLite by default, postgres:// and mssql:// on servers ----------------------------------------------
DATABASES = {"default": env.dj_db_url("DATABASE_URL", f"sqlite:///{BASE_DIR / 'governance.sqlite3'}")}
_database = DATABASES["default"]
_options = _database.setdefault("OPTIONS", {})
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["ENGINE"] = "governance.database.sqlite"  # folds the case of letters beyond ASCII
    # WAL lets readers go on while a sync writes; IMMEDIATE takes the write lock at the start, where waiting is safe.
    _options.update(
        transaction_mode="IMMEDIATE",
        timeout=30,
        init_command="PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
    )
    # A file, not memory: the tests start other processes that must see the same rows.
    _database["TEST"] = {"NAME": env.str("TEST_SQLITE_PATH", str(BASE_DIR / ".pytest_cache" / "test.sqlite3"))}
elif _database["ENGINE"] == "django.db.backends.postgresql":
    _database["ENGINE"] = "governance.database.postgresql"  # tells the database the scope of each statement
    # A cursor on the server would read its rows under whatever scope is told by then.
    _database["DISABLE_SERVER_SIDE_CURSORS"] = True
    _database["CONN_MAX_AGE"] = 60
    _database["CONN_HEALTH_CHECKS"] = True
elif _database["ENGINE"] in {"mssql", "sql_server.pyodbc"}:  # the latter is what dj-database-url makes of mssql://
    # mssql-python brings Microsoft's driver with it; pyodbc, the package's default, needs one from the system.
    # Words of the connection string may stand in the URL: mssql://user:password@host/name?Encrypt=no
    _words = {"Encrypt": "yes", "TrustServerCertificate": "no"}
    _words = {word: _options.pop(word, value) for word, value in _words.items()}
    _database["ENGINE"] = "governance.database.mssql"  # mssql-django's, told the scope of each statement
    _database["CONN_MAX_AGE"] = 60
    _options.setdefault("python_driver", "mssql_python")
    _options.setdefault("extra_params", ";".join(f"{word}={value}" for word, value in _words.items()))

# --- Cache, sessions, broker: one Redis ----------------------------------------------------------------------------
REDIS_URL: str = env.str("REDIS_URL", "")  # redis://host:6379, rediss:// in production; empty: no worker, see checks
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": f"{REDIS_URL.rstrip('/')}/1",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 2, "SOCKET_TIMEOUT": 5},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # This process's own memory: limits are counted here while Redis does not answer.
    "process": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "process",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}
RATE_LIMITS = limits.from_environment(env.str)  # the table and its reasons: governance/limits.py
# A cache that is down makes answers slower, not wrong: sessions are in the database too. /healthz says that it is down.
DJANGO_REDIS_IGNORE_EXCEPTIONS = True
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = 8 * 60 * 60  # seconds
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if (
    PRODUCTION
):  # __Host-: a browser takes it by https only, from this very host, and no sibling of the domain can set it
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"

CELERY_BROKER_URL = f"{REDIS_URL.rstrip('/')}/0" if REDIS_URL else "redis://127.0.0.1:6379/0"
if REDIS_URL.startswith("rediss:"):  # Celery's own default takes any certificate
    CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 60 * 60, "socket_connect_timeout": 2, "max_retries": 1}
CELERY_TASK_IGNORE_RESULT = True  # the outcome of a sync is its SyncRun, not a Celery result
CELERY_TASK_ACKS_LATE = True  # a worker that dies gives the task back; every task is safe to run twice
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "governance.beat:TableScheduler"
CELERY_BEAT_SCHEDULE = schedules.beat_schedule()
CELERY_TIMEZONE = TIME_ZONE

# --- People --------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "portal:overview"
LOGOUT_REDIRECT_URL = "sign-in"
AUTHENTICATION_BACKENDS = [
    "tenants.passwords.PersonBackend",  # the first: it reads the person of every session
    "tenants.providers.B2CProvider",
    "tenants.providers.OIDCProvider",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- Mail: only invitations are sent. Files in a folder by default, SMTP with TLS in production (checked) ------------
# submission://user:password@host:587 speaks STARTTLS; smtp://user:password@host:465/?ssl=true speaks TLS at once.
MAIL_FOLDER: str = env.str("MAIL_FOLDER", str(BASE_DIR / ".mail"))
_mail = env.dj_email_url("EMAIL_URL", f"file:///{MAIL_FOLDER}")
EMAIL_BACKEND: str = _mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH: str = _mail["EMAIL_FILE_PATH"]
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"] or "", _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail["EMAIL_USE_TLS"], _mail["EMAIL_USE_SSL"]
EMAIL_TIMEOUT: int = _mail["EMAIL_TIMEOUT"] or 20  # seconds
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", "governance@localhost")
PORTAL_URL: str = env.str("PORTAL_URL", "http://127.0.0.1:8000").rstrip("/")  # where the links in mails lead

# --- Signing in: Azure AD B2C, any OpenID Connect provider such as Entra ID, local accounts -------------------------
SIGN_IN_B2C_HOST: str = env.str("SIGN_IN_B2C_HOST", "")  # contoso.b2clogin.com, or the custom domain; empty: no B2C
SIGN_IN_B2C_TENANT: str = env.str("SIGN_IN_B2C_TENANT", "")  # contoso.onmicrosoft.com
SIGN_IN_B2C_POLICY: str = env.str("SIGN_IN_B2C_POLICY", "")  # the user flow, e.g. b2c_1_signupsignin1
SIGN_IN_B2C_CLIENT_ID: str = env.str("SIGN_IN_B2C_CLIENT_ID", "")
SIGN_IN_B2C_CLIENT_SECRET: str = env.str("SIGN_IN_B2C_CLIENT_SECRET", "")
SIGN_IN_B2C_SUBJECT_CLAIM: str = env.str("SIGN_IN_B2C_SUBJECT_CLAIM", "sub")
SIGN_IN_B2C_TITLE: str = env.str("SIGN_IN_B2C_TITLE", "your account")  # the button: "Sign in with …"
# https://login.microsoftonline.com/<tenant ID, or organizations>/v2.0, or another issuer's address; empty: none
SIGN_IN_OIDC_AUTHORITY: str = env.str("SIGN_IN_OIDC_AUTHORITY", "").rstrip("/")
SIGN_IN_OIDC_CLIENT_ID: str = env.str("SIGN_IN_OIDC_CLIENT_ID", "")
SIGN_IN_OIDC_CLIENT_SECRET: str = env.str("SIGN_IN_OIDC_CLIENT_SECRET", "")
SIGN_IN_OIDC_TENANTS: list[str] = env.list("SIGN_IN_OIDC_TENANTS", [])  # IDs of those that may sign in, of several
SIGN_IN_OIDC_SUBJECT_CLAIM: str = env.str("SIGN_IN_OIDC_SUBJECT_CLAIM", "oid")  # sub for other providers than Entra ID
SIGN_IN_OIDC_TITLE: str = env.str("SIGN_IN_OIDC_TITLE", "Microsoft")
SIGN_IN_LOCAL: bool = env.bool("SIGN_IN_LOCAL", not PRODUCTION)  # passwords kept here; break_glass works without it
SOCIAL_AUTH_PIPELINE = ["tenants.providers.known_person"]  # nothing of social-auth's own: it would create accounts
SOCIAL_AUTH_REDIRECT_IS_HTTPS = PRODUCTION

# --- Azure ---------------------------------------------------------------------------------------------------------
AZURE_AUTHORITY_HOST: str = env.str("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com").rstrip("/")
AZURE_ARM_ENDPOINT: str = env.str("AZURE_ARM_ENDPOINT", "https://management.azure.com").rstrip("/")
AZURE_GRAPH_ENDPOINT: str = env.str("AZURE_GRAPH_ENDPOINT", "https://graph.microsoft.com").rstrip("/")
# Where tenants' cost exports and Azure's reports lie; {account} is the storage account. No other host is read from.
AZURE_BLOB_ENDPOINT: str = env.str("AZURE_BLOB_ENDPOINT", "https://{account}.blob.core.windows.net").rstrip("/")
AZURE_CA_FILE: str = env.str("AZURE_CA_FILE", "")  # a CA bundle of your own, e.g. the simulator's; empty: the system's
SOCIAL_AUTH_VERIFY_SSL: str | bool = AZURE_CA_FILE or True  # identity providers are trusted by the same CA
AZURE_READ_TIMEOUT_SECONDS: float = env.float("AZURE_READ_TIMEOUT_SECONDS", 60.0)
AZURE_LONGEST_WAIT_SECONDS: float = env.float("AZURE_LONGEST_WAIT_SECONDS", 30.0)  # a longer Retry-After ends the run
# What one Azure tenant is asked of Cost Management, in query processing units and seconds: Azure's documented quotas.
AZURE_COST_QUOTAS: dict[int, int] = {
    int(seconds): int(units)
    for units, _, seconds in (
        part.partition("/") for part in env.list("AZURE_COST_QUOTAS", ["12/10", "60/60", "600/3600"])
    )
}

# --- Costs ---------------------------------------------------------------------------------------------------------
# How many months before the open one the daily sums of costs are kept, with what moved. Rows: see schedules.py. More
# than that many is a trend longer than Azure keeps; it takes little room.
COST_SUMS_KEPT_MONTHS: int = env.int("COST_SUMS_KEPT_MONTHS", schedules.COST_ROWS_KEPT_MONTHS)

# --- Exports and reports: a folder, or Azure Blob Storage (by connection string, or by account and own identity) -----
STORAGE_FOLDER: str = env.str("STORAGE_FOLDER", str(BASE_DIR / ".blobs"))
AZURE_STORAGE_CONNECTION_STRING: str = env.str("AZURE_STORAGE_CONNECTION_STRING", "")
AZURE_STORAGE_ACCOUNT: str = env.str("AZURE_STORAGE_ACCOUNT", "")
AZURE_STORAGE_ENDPOINT_SUFFIX: str = env.str("AZURE_STORAGE_ENDPOINT_SUFFIX", "core.windows.net")

# --- The API -------------------------------------------------------------------------------------------------------
# Identity providers whose access tokens it takes, a JSON list: docs/api-authentication.md. Empty: API tokens alone.
API_TOKEN_PROVIDERS = token_providers.providers_in(env.json("API_TOKEN_PROVIDERS", []))
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.BearerAuthentication",
        "tenants.authentication.PortalSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "governance.gate.Gate"],
    "DEFAULT_RENDERER_CLASSES": ["governance.rendering.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["governance.parsing.BoundedJSONParser"],
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS would tell the form of each write; the description does that
    "DEFAULT_SCHEMA_CLASS": "governance.openapi.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "governance.drf.problem_response",
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.URLPathVersioning",
    "DEFAULT_VERSION": "v1",
    "URL_FORMAT_OVERRIDE": None,
    "ALLOWED_VERSIONS": ["v1"],
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Azure Governance Platform",
    "DESCRIPTION": "Inventory and costs of many Azure tenants. Every list says how complete and how fresh it is.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "DEFAULT_GENERATOR_CLASS": "governance.openapi.ScopedSchemaGenerator",
    "ENUM_NAME_OVERRIDES": {
        "ChangeKindEnum": "inventory.models.ResourceChange.Kind",
        "SyncKindEnum": [(kind, kind) for kind in schedules.KINDS],
        "OutcomeEnum": "audit.models.Outcome",
        "TenantStatusEnum": "tenants.models.Tenant.Status",
        "ApiTokenStateEnum": "tenants.models.ApiToken.State",
        "CostStateEnum": "costs.serializers.STATES",
        "FinalityEnum": "costs.models.Finality",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
}

# --- What a browser may load ---------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
    **storage.aliases(
        STORAGE_FOLDER,
        connection_string=AZURE_STORAGE_CONNECTION_STRING,
        account=AZURE_STORAGE_ACCOUNT,
        endpoint_suffix=AZURE_STORAGE_ENDPOINT_SUFFIX,
    ),
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION  # looked up when asked for, not all at the start
WHITENOISE_ALLOW_ALL_ORIGINS = False
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "script-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
UNUSED_FEATURES = (  # of a browser; what is embedded may not use them either
    *("accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media"),
    *("geolocation", "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture"),
    *("publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
)
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # the platform's probe speaks plain HTTP inside the network
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if TRUSTED_PROXY_HOPS:  # they end TLS, and write down what the browser spoke
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURITY_HEADERS = {  # on every answer: governance/middleware.py
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": X_FRAME_OPTIONS,
    "Referrer-Policy": SECURE_REFERRER_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES),
}
# The API for a front end of another origin: listed ones, with bearer tokens and never with the portal's cookie.
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type"]
CORS_EXPOSE_HEADERS = ["RateLimit", "RateLimit-Policy", "Retry-After", "Content-Disposition"]
CORS_PREFLIGHT_MAX_AGE = 10 * 60  # seconds
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024  # bytes; nothing the portal takes is larger
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

# --- Telemetry -----------------------------------------------------------------------------------------------------
LOG_LEVEL: str = env.str("LOG_LEVEL", "INFO")
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # its own reading of X-Forwarded-For believes the sender; see middleware.py
LOGGING = telemetry.logging_config(level=LOG_LEVEL, as_json=PRODUCTION)
