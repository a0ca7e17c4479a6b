"""The only reader of the environment. Every setting that a deployment may change is read here."""

import os
from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from bankportal.log_settings import log_settings
from bankportal.secrets import kept_secret
from bankportal.setting_rules import (
    ALL_BUT_TELLERS,
    bearer_token,
    certificates,
    folder,
    known_currency,
    known_time_zone,
    networks,
    one_of,
    postgresql_database,
    refuse_copies_without_brokers,
    refuse_half_a_sign_in,
    refuse_open_metrics,
    refuse_unsafe_production,
    refuse_unsaid_lines,
    roles,
    server_list,
    socket_sources,
    topic_name,
    traces_endpoint,
    whole_number,
    yes_or_no,
)
from bankportal.sqlite import use_bundled_sqlite

use_bundled_sqlite()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
# A leading $ would be taken for the name of another variable, and a password may begin with one.
env.escape_proxy = True
env.ENVIRON = {name: text.replace("$", r"\$") for name, text in os.environ.items()}

# Where a run keeps its files.
DATA_DIR = folder("DATA_DIR", env.str("DATA_DIR", default="") or str(BASE_DIR / "data"))
HISTORY_FILE = BASE_DIR / "data" / "client_transactions.csv"


def _cache_dir() -> Path:
    """Give the folder for what every clone of this user can share, such as Kafka's jars."""
    chosen = env.str("XDG_CACHE_HOME", default="")
    if chosen and Path(chosen).is_absolute():
        return Path(chosen) / "bankportal"
    home = env.str("HOME", default="")
    usual = Path(home) / ".cache"
    nearest = usual if usual.is_dir() else Path(home)
    if home and nearest.is_dir() and os.access(nearest, os.W_OK):
        return usual / "bankportal"
    return DATA_DIR / "cache"


KAFKA_CACHE_DIR = _cache_dir()
JAVA_HOME = env.str("JAVA_HOME", default="")

# Who may ask, and how.
LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
DEBUG = yes_or_no("DEBUG", env.str("DEBUG", default=""))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[]) or LOOPBACK_HOSTS
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
IS_LOCAL = set(ALLOWED_HOSTS) <= set(LOOPBACK_HOSTS)
# Whose word counts on where a request comes from, and whether it came by TLS. On a machine that
# serves none but itself there is no proxy, and whoever asks could say what they like.
TRUSTED_PROXIES = networks(
    "TRUSTED_PROXIES",
    env.str("TRUSTED_PROXIES", default="" if IS_LOCAL else "127.0.0.1,::1"),
)
BIND_ADDRESS = env.str("BIND_ADDRESS", default="127.0.0.1")
PORT_IS_CHOSEN = bool(env.str("PORT", default=""))
PORT = whole_number("PORT", env.str("PORT", default="") or "8000", least=1, most=65_535)

SECRET_KEY = env.str("SECRET_KEY", default="")
if not IS_LOCAL and not DEBUG:
    refuse_unsafe_production(ALLOWED_HOSTS, SECRET_KEY, CSRF_TRUSTED_ORIGINS)
# Former keys, while what they signed and sealed is still about.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
if not SECRET_KEY:
    SECRET_KEY = kept_secret(DATA_DIR / "secret-key.txt")

DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="")

# What the site is made of.
INSTALLED_APPS = [
    "bankportal",
    "accounts",
    "streaming",
    "bankportal.admin_config.BankAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "csp",
]
MIDDLEWARE = [
    "bankportal.middleware.TrustedProxiesMiddleware",
    "bankportal.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "bankportal.middleware.ChosenLanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "bankportal.middleware.KnownMethodsMiddleware",
    "bankportal.middleware.OneEncodingMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "bankportal.turns.TurnsMiddleware",
    "bankportal.middleware.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "bankportal.middleware.HeldSessionsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "bankportal.middleware.PrivatePagesMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "bankportal.urls"
ASGI_APPLICATION = "bankportal.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "bankportal.context.portal",
            ],
            "builtins": ["accounts.templatetags.remembered", "accounts.templatetags.constants"],
        },
    },
]

# The database.
DATABASE_URL = env.str("DATABASE_URL", default="")
if DATABASE_URL:
    DATABASES = {"default": postgresql_database(DATABASE_URL)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "bankportal.fair_sqlite",
            "NAME": DATA_DIR / "bankportal.sqlite3",
            "OPTIONS": {
                # Writers must queue at BEGIN: a deferred transaction that turns into a
                # writer later fails at once instead of waiting.
                "transaction_mode": "IMMEDIATE",
                "timeout": 10,
                "init_command": (
                    "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                    "PRAGMA wal_autocheckpoint=20000;PRAGMA cache_size=-65536;"
                    "PRAGMA trusted_schema=OFF;"
                ),
            },
        }
    }
DATABASES["default"]["CONN_MAX_AGE"] = 0
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Agents and sign-in.
AUTH_USER_MODEL = "accounts.Agent"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "accounts.passwords.NotOurWords"},
]
LOGIN_URL = "/auth/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/auth/login/"
ACCOUNT_ADAPTER = "accounts.sign_in.AgentAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_FORMS = {"change_password": "accounts.sign_in_forms.OwnPasswordForm"}
# For how long a sign-in is fresh enough for what concerns the access of others, or one's own.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 5 * 60
# One-time codes are limited by agent alone: a branch signs in from one address in the morning, and
# who guesses at it keeps nobody else out.
ACCOUNT_RATE_LIMITS = {"login": "300/m/ip", "login_failed": "5/5m/key"}
MFA_RATE_LIMITS = {"webauthn_login": "300/m/ip"}
MFA_ADAPTER = "accounts.sign_in.AgentMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "add_webauthn": "accounts.sign_in_forms.AddPasskeyForm",
    "edit_webauthn": "accounts.sign_in_forms.RenamePasskeyForm",
    "authenticate_webauthn": "accounts.sign_in_forms.GivePasskeyForm",
    "login_webauthn": "accounts.sign_in_forms.PasskeyAloneForm",
    "reauthenticate_webauthn": "accounts.sign_in_forms.PasskeyAgainForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "bankportal"
SECOND_FACTOR_ROLES_SAID = env.str("SECOND_FACTOR_ROLES", default="")
SECOND_FACTOR_ROLES = roles(
    "SECOND_FACTOR_ROLES",
    SECOND_FACTOR_ROLES_SAID or ("none" if IS_LOCAL else ALL_BUT_TELLERS),
)

# Failed passwords count by user and address together: nobody locks an agent out from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = whole_number(
    "LOCK_OUT_FAILURES", env.str("LOCK_OUT_FAILURES", default="5"), least=1, most=100
)
AXES_COOLOFF_TIME = timedelta(
    minutes=whole_number(
        "LOCK_OUT_MINUTES", env.str("LOCK_OUT_MINUTES", default="5"), least=1, most=1440
    )
)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_HANDLER = "accounts.lock_out.CountingHandler"
AXES_CLIENT_IP_CALLABLE = "accounts.client_address.party_address"
AXES_USERNAME_CALLABLE = "accounts.sign_in.counted_name"
AXES_LOCKOUT_CALLABLE = "accounts.views.locked_out.locked_out"
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_CLIENT_STR_CALLABLE = "accounts.sign_in.client_in_logs"

# Sessions end unused, and however much they are used.
SESSION_IDLE_MINUTES = whole_number(
    "SESSION_IDLE_MINUTES", env.str("SESSION_IDLE_MINUTES", default="15"), least=2, most=1440
)
SESSION_HOURS = whole_number(
    "SESSION_HOURS", env.str("SESSION_HOURS", default="10"), least=1, most=168
)
SESSION_COOKIE_AGE = SESSION_HOURS * 60 * 60
SESSION_ENGINE = "bankportal.session_store"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
MESSAGE_STORAGE = "bankportal.message_storage.HostCookieStorage"

# Limits and used codes, which all web processes share; and what each may know for itself.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "shared_cache",
        # Beyond it some would be forgotten: more than anybody can fill while they count.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

# Money and the calendar.
CURRENCY = known_currency(env.str("CURRENCY", default="EUR").upper())
TIME_ZONE = known_time_zone(env.str("TIME_ZONE", default="Europe/Paris"))
USE_TZ = True
LANGUAGES = [("fr", _("French")), ("en", _("English"))]
LANGUAGE_CODE = one_of(
    "LANGUAGE_CODE", env.str("LANGUAGE_CODE", default="fr"), [code for code, _name in LANGUAGES]
)
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_SAMESITE = "Lax"
THEME_COOKIE_NAME = "theme"  # set by static/js/theme.js

# Kafka.
KAFKA_BOOTSTRAP_SERVERS = server_list(
    "KAFKA_BOOTSTRAP_SERVERS", env.str("KAFKA_BOOTSTRAP_SERVERS", default="")
)
KAFKA_TOPIC = topic_name("KAFKA_TOPIC", env.str("KAFKA_TOPIC", default="submissions"))
KAFKA_DEAD_LETTER_TOPIC = topic_name(
    "KAFKA_DEAD_LETTER_TOPIC",
    env.str("KAFKA_DEAD_LETTER_TOPIC", default="submissions.dead"),
    but_not=KAFKA_TOPIC,
)
KAFKA_PARTITIONS = whole_number(
    "KAFKA_PARTITIONS", env.str("KAFKA_PARTITIONS", default="12"), least=1, most=10_000
)
KAFKA_REPLICATION = whole_number(
    "KAFKA_REPLICATION", env.str("KAFKA_REPLICATION", default="1"), least=1, most=100
)
refuse_copies_without_brokers(KAFKA_REPLICATION, servers=KAFKA_BOOTSTRAP_SERVERS)
KAFKA_CONSUMER_GROUP = env.str("KAFKA_CONSUMER_GROUP", default="bankportal")
KAFKA_SECURITY_PROTOCOL = one_of(
    "KAFKA_SECURITY_PROTOCOL",
    (env.str("KAFKA_SECURITY_PROTOCOL", default="") or "PLAINTEXT").upper(),
    ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
)
if not IS_LOCAL and not DEBUG:
    refuse_unsaid_lines(
        DATABASES["default"],
        KAFKA_BOOTSTRAP_SERVERS,
        is_kafka_protocol_said=bool(env.str("KAFKA_SECURITY_PROTOCOL", default="")),
    )
KAFKA_SASL_MECHANISM = env.str("KAFKA_SASL_MECHANISM", default="").upper()
if KAFKA_SASL_MECHANISM:
    # Those that a name and a password are enough for.
    passwords = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
    one_of("KAFKA_SASL_MECHANISM", KAFKA_SASL_MECHANISM, passwords)
KAFKA_SASL_USERNAME = env.str("KAFKA_SASL_USERNAME", default="")
KAFKA_SASL_PASSWORD = env.str("KAFKA_SASL_PASSWORD", default="")
refuse_half_a_sign_in(
    KAFKA_SECURITY_PROTOCOL,
    mechanism=KAFKA_SASL_MECHANISM,
    username=KAFKA_SASL_USERNAME,
    password=KAFKA_SASL_PASSWORD,
)
KAFKA_SSL_CA_LOCATION = certificates(
    "KAFKA_SSL_CA_LOCATION", env.str("KAFKA_SSL_CA_LOCATION", default="")
)

# Where the consumer stops for somebody's look; what becomes of a message never depends on it.
DEAD_LETTER_MOST_IN_A_ROW = whole_number(
    "DEAD_LETTER_MOST_IN_A_ROW",
    env.str("DEAD_LETTER_MOST_IN_A_ROW", default="1000"),
    least=1,
    most=999_999_999,
)
DEAD_LETTER_MOST_PERCENT = whole_number(
    "DEAD_LETTER_MOST_PERCENT",
    env.str("DEAD_LETTER_MOST_PERCENT", default="50"),
    least=1,
    most=100,
)

# How often an agent may do a thing in a minute, in all web processes together.
MOST_A_MINUTE = {
    "search": whole_number(
        "SEARCHES_PER_MINUTE", env.str("SEARCHES_PER_MINUTE", default="60"), least=1, most=60_000
    ),
    "submission": whole_number(
        "SUBMISSIONS_PER_MINUTE",
        env.str("SUBMISSIONS_PER_MINUTE", default="30"),
        least=1,
        most=60_000,
    ),
    "figures": whole_number(
        "FIGURES_PER_MINUTE", env.str("FIGURES_PER_MINUTE", default="300"), least=1, most=60_000
    ),
    "export": whole_number(
        "EXPORTS_PER_MINUTE", env.str("EXPORTS_PER_MINUTE", default="20"), least=1, most=60_000
    ),
    "change": whole_number(
        "CHANGES_PER_MINUTE", env.str("CHANGES_PER_MINUTE", default="60"), least=1, most=60_000
    ),
}
# Where SQLite's processes count it; in PostgreSQL there is a table.
LIMITS_FILE = DATA_DIR / "limits.sqlite3"

# What a request may hold, besides what the web server lets through (bankportal.web_server).
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 0

# Static files.
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755  # of collected folders; there are no uploads
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "bankportal.static_storage.FingerprintedStorage"},
}

# What a browser may do with our pages.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "base-uri": [NONE],
        # Some browsers take 'self' for https alone.
        "connect-src": [SELF, *([] if IS_LOCAL else socket_sources(ALLOWED_HOSTS))],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "img-src": [SELF, "data:"],
        "manifest-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
if not IS_LOCAL and not DEBUG:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_SECURE = True
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    LANGUAGE_COOKIE_SECURE = True
    LANGUAGE_COOKIE_NAME = "__Host-language"
    THEME_COOKIE_NAME = "__Host-theme"

# Who may ask how the machinery does.
METRICS_TOKEN = bearer_token("METRICS_TOKEN", env.str("METRICS_TOKEN", default=""))
METRICS_HOST = env.str("METRICS_HOST", default="") or "127.0.0.1"
# With make run those of consumer and relay follow on it.
METRICS_PORT = whole_number(
    "METRICS_PORT", env.str("METRICS_PORT", default="") or "0", least=0, most=65_533
)
# Also without METRICS_PORT: a command may be told a port of its own.
refuse_open_metrics(METRICS_HOST, METRICS_TOKEN)

# Where spans go; OpenTelemetry's libraries read that and its other settings themselves.
TRACES_ENDPOINT = traces_endpoint(
    "OTEL_EXPORTER_OTLP_ENDPOINT", env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
)

# For people at this machine a line of text; beyond it for programs, with a line for each request
# and for each step of what was submitted.
LOG_FORMAT = one_of(
    "LOG_FORMAT", env.str("LOG_FORMAT", default="text" if IS_LOCAL else "json"), ["text", "json"]
)
LOGGING = log_settings(LOG_FORMAT)
