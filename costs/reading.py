"""The statements by which cost files are read into duckdb, checked, and asked. Everything in a file is text first."""

from collections.abc import Mapping, Sequence

from costs.currencies import CURRENCIES
from costs.dialects import AMOUNT, EFFECTIVE, FOCUS, NO_VALUE, Dialect
from costs.parts import FIELD_END

FIRST_YEAR, LAST_YEAR = 2000, 2100
MOST_PLACES, MOST_PLACES_OF_LARGE = 28, 18  # of an amount below, and from, ten thousand million
LARGEST = "1000000000000000000"  # an amount must be smaller: more does not fit with its places
LONGEST_SUBSCRIPTION = 64
SHOWN = 60  # characters of a value in a reason
US_DAYS = "['%m/%d/%Y', '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %I:%M:%S %p']"
NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"

TABLE = """
CREATE TABLE lines (
    file INTEGER NOT NULL, line BIGINT NOT NULL, reason VARCHAR, subscription VARCHAR, month DATE,
    day DATE, currency VARCHAR, amount DECIMAL(28, 9), amount_rest DECIMAL(38, 28), effective DECIMAL(28, 9),
    effective_rest DECIMAL(38, 28), azure_id VARCHAR, resource_group VARCHAR, service VARCHAR, meter VARCHAR,
    region VARCHAR, charge_type VARCHAR, pricing_model VARCHAR, benefit VARCHAR, quantity DECIMAL(28, 9), unit VARCHAR,
    tags VARCHAR, subscription_name VARCHAR, is_account BOOLEAN
)
"""
COUNTS = "SELECT count(*), count(reason) FROM lines"
REFUSED = """
SELECT file, line, reason FROM lines
WHERE reason IS NOT NULL AND (CAST(? AS VARCHAR) IS NULL OR subscription = CAST(? AS VARCHAR)) ORDER BY file, line
"""
REFUSED_COUNTS = "SELECT coalesce(subscription, ''), count(reason) FROM lines WHERE reason IS NOT NULL GROUP BY ALL"
REFUSE = """
UPDATE lines SET reason = ?
WHERE reason IS NULL AND subscription = ? AND (CAST(? AS DATE) IS NULL OR month = CAST(? AS DATE))
"""
SUBSCRIPTIONS = """
SELECT subscription, arg_max(subscription_name, (day, file, line)), bool_and(is_account)
FROM lines WHERE reason IS NULL GROUP BY subscription ORDER BY subscription
"""
NEWEST_DAYS = "SELECT month, max(day) FROM lines WHERE reason IS NULL GROUP BY month ORDER BY month"
# Of cost details: rows that only amortized cost has, and rows that only actual cost has.
COMMITMENTS = """
SELECT
    count(*) FILTER (charge_type ILIKE 'Unused%' OR (charge_type ILIKE 'Usage' AND by_commitment AND amount <> 0)),
    count(*) FILTER (charge_type ILIKE 'Purchase' AND by_commitment AND amount <> 0)
FROM (SELECT *, lower(replace(pricing_model, ' ', '')) IN ('reservation', 'savingsplan') AS by_commitment FROM lines)
WHERE reason IS NULL
"""
# What a CostLine has in its order, without the hash of the id and with the tags as given.
DESCRIBED = (
    "azure_id, resource_group, service, meter, region, charge_type, pricing_model, benefit, quantity, unit, tags"
)


# The statements are put together from the names of columns of our own: what a file says is only ever a parameter.
# ruff: noqa: S608


def lines_of(amount: str) -> str:
    """The rows of a slice (subscription, month) as stored on disk: in the order in which they were read."""
    return f"""
SELECT day, currency, {amount}, {DESCRIBED} FROM lines
WHERE subscription = ? AND month = ? AND reason IS NULL
"""


def slices_of(amount: str) -> str:
    """By subscription, month and currency: rows, the sum as kept, what rounding lost, and a sum of hashes."""
    whole = f"concat_ws(chr(31), day, {amount}, {amount}_rest, {DESCRIBED})"
    digest = (
        f"sum(CAST(md5_number({whole}) % 18446744073709551616 AS UBIGINT))"  # half of it: a sum of wholes overflows
    )
    return f"""
SELECT subscription, month, currency, count(*), sum({amount}), sum({amount}_rest), {digest}
FROM lines WHERE reason IS NULL GROUP BY subscription, month, currency ORDER BY subscription, month, currency
"""


def from_plain(dialect: Dialect, at: Mapping[str, tuple[int, ...]], columns: Sequence[str]) -> str:
    """Insert plain records (`costs.parts.plain`): the parameters are the number of the part and the file."""
    types = ", ".join(f"'{name}': 'VARCHAR'" for name in ("line", *columns))
    source = (
        f"read_csv(?, columns = {{{types}}}, header = false, auto_detect = false, delim = chr({ord(FIELD_END)}), "
        "quote = '', escape = '', comment = '', nullstr = '', compression = 'none', max_line_size = 40000000)"
    )
    return _insert(dialect, at, {index: f"c{index}" for indices in at.values() for index in indices}, source)


def from_parquet(
    dialect: Dialect, at: Mapping[str, tuple[int, ...]], header: Sequence[str], types: Sequence[str]
) -> str:
    """Insert a Parquet file: the parameters are the number of the part and the file. Everything is told as text."""
    texts = {}
    for index, (name, kind) in enumerate(zip(header, types, strict=True)):
        column = '"' + name.replace('"', '""') + '"'
        is_nested = kind.startswith(("MAP", "STRUCT"))
        told = f"CAST({f'to_json({column})' if is_nested else column} AS VARCHAR)"
        texts[index] = f"replace({told}, chr(0), ' ')"
    source = "read_parquet(?, file_row_number = true)"
    return _insert(dialect, at, texts, source, line="file_row_number + 1")


def _insert(
    dialect: Dialect, at: Mapping[str, tuple[int, ...]], texts: Mapping[int, str], source: str, line: str = "line"
) -> str:
    wanted = dict.fromkeys([*FOCUS, *dialect.sources])
    told = ", ".join(f"{_text(dialect, [texts[index] for index in at.get(what, ())])} AS {what}" for what in wanted)
    amounts = (AMOUNT, EFFECTIVE) if dialect.tells_both else (AMOUNT,)
    effective = f"{_kept(EFFECTIVE)}, {_lost(EFFECTIVE)}" if dialect.tells_both else "NULL, NULL"
    group = "coalesce(resource_group, regexp_extract(azure_id, '(?i)/resourceGroups/([^/]+)', 1))"
    of_account = "CASE WHEN subscription IS NULL THEN 'Billing account ' || coalesce(account_name, account) END"
    name = f"coalesce({of_account}, subscription_name, subscription)"
    return f"""
INSERT INTO lines
SELECT
    file, line, {_reason(dialect)}, {_subscription()},
    CAST(date_trunc('month', on_day) AS DATE), on_day, upper(currency),
    {_kept(AMOUNT)}, {_lost(AMOUNT)},
    {effective},
    coalesce(azure_id, ''), {_cut(group, 256)},
    {_cut("service", 128)}, {_cut("meter", 256)}, {_cut("region", 64)}, {_cut(_charge_type(dialect), 64)},
    {_cut(_pricing_model(dialect), 64)}, {_cut("benefit", 256)}, {_kept("quantity")}, {_cut("unit", 64)},
    coalesce(tags, ''), {_cut(name, 256)},
    subscription IS NULL
FROM (
    SELECT *,
        CASE WHEN day LIKE '____-%' THEN CAST(TRY_CAST(day AS TIMESTAMPTZ) AS DATE)
             ELSE CAST(try_strptime(day, {US_DAYS}) AS DATE) END AS on_day,
        {", ".join(_decimals(name) for name in (*amounts, "quantity"))}
    FROM (SELECT CAST(? AS INTEGER) AS file, CAST({line} AS BIGINT) AS line, {told} FROM {source})
)
"""


def _text(dialect: Dialect, columns: Sequence[str]) -> str:
    texts = [f"nullif(trim({column}), '')" for column in columns]
    if dialect.tells_both:
        texts = [f"nullif({text}, '{NO_VALUE}')" for text in texts]
    return f"coalesce({', '.join(texts)})" if texts else "CAST(NULL AS VARCHAR)"


def _decimals(name: str) -> str:
    """The number, exactly, at 28 places and at 18; both NULL when it is none."""
    number = f"CASE WHEN regexp_full_match({name}, '{NUMBER}') THEN {name} END"
    return (
        f"TRY_CAST({number} AS DECIMAL(38, {MOST_PLACES})) AS {name}_28, "
        f"CASE WHEN {name}_28 IS NULL THEN TRY_CAST({number} AS DECIMAL(38, {MOST_PLACES_OF_LARGE})) END AS {name}_18"
    )


def _places(name: str) -> str:
    """How many places the number has as written; short ones are not counted."""
    fraction = rf"length(rtrim(regexp_extract({name}, '\.([0-9]*)', 1), '0'))"
    exponent = f"coalesce(TRY_CAST(nullif(regexp_extract({name}, '[eE]([+-]?[0-9]+)$', 1), '') AS INTEGER), 0)"
    is_short = f"length({name}) <= {MOST_PLACES_OF_LARGE} AND NOT contains(lower({name}), 'e')"
    return f"CASE WHEN {is_short} THEN 0 ELSE {fraction} - {exponent} END"


def _kept(name: str) -> str:
    each = [f"TRY_CAST(round_even({name}_{most}, 9) AS DECIMAL(28, 9))" for most in (MOST_PLACES, MOST_PLACES_OF_LARGE)]
    return f"coalesce({', '.join(each)})"


def _lost(name: str) -> str:
    return (
        f"coalesce(TRY_CAST({name}_28 - round_even({name}_28, 9) AS DECIMAL(38, 28)), "
        f"TRY_CAST({name}_18 - round_even({name}_18, 9) AS DECIMAL(38, 28)))"
    )


def _subscription() -> str:
    """Azure's id in lower case; the billing account where a row belongs to none. Long ones end in a hash."""
    account = r"'billing-account:' || regexp_extract(account, '[^/]+$')"
    known = rf"lower(coalesce(regexp_replace(subscription, '(?i)^/subscriptions/', ''), {account}))"
    short = f"left({known}, 47) || '~' || left(sha256({known}), 16)"
    return f"CASE WHEN length({known}) > {LONGEST_SUBSCRIPTION} THEN {short} ELSE {known} END"


def _charge_type(dialect: Dialect) -> str:
    """In the words of cost details, which tell what of a commitment was unused by the type of charge."""
    if not dialect.tells_both:
        return "charge_type"
    unused = "CASE WHEN benefit_type ILIKE '%savings%' THEN 'UnusedSavingsPlan' ELSE 'UnusedReservation' END"
    return f"CASE WHEN benefit_use ILIKE 'Unused%' THEN {unused} ELSE charge_type END"


def _pricing_model(dialect: Dialect) -> str:
    """In the words of cost details."""
    if not dialect.tells_both:
        return "pricing_model"
    committed = "CASE WHEN benefit_type ILIKE '%savings%' THEN 'SavingsPlan' ELSE 'Reservation' END"
    return f"""CASE lower(pricing_model) WHEN 'standard' THEN 'OnDemand' WHEN 'on-demand' THEN 'OnDemand'
        WHEN 'dynamic' THEN 'Spot' WHEN 'committed' THEN {committed} WHEN 'commitment-based' THEN {committed}
        ELSE pricing_model END"""


def _cut(text: str, length: int) -> str:
    return f"coalesce(left({text}, {length}), '')"


def _reason(dialect: Dialect) -> str:
    """Why a row cannot be taken; NULL when it can."""
    name = {what: names[0] for what, names in dialect.sources.items()}
    known = ", ".join(f"'{code}'" for code in sorted(CURRENCIES))
    checks = [
        ("day IS NULL", f"'It has no {name['day']}. Add the day.'"),
        ("on_day IS NULL", f"{_told('day')} || ' in {name['day']} is no day. MM/DD/YYYY and YYYY-MM-DD are read.'"),
        (
            f"year(on_day) NOT BETWEEN {FIRST_YEAR} AND {LAST_YEAR}",
            f"{_told('day')} || ' in {name['day']} is outside {FIRST_YEAR} to {LAST_YEAR}. Correct the day.'",
        ),
        *_amount_checks(AMOUNT, name[AMOUNT]),
        *(_amount_checks(EFFECTIVE, name[EFFECTIVE]) if dialect.tells_both else ()),
        ("currency IS NULL", f"'It has no {name['currency']}. Add the billing currency.'"),
        (
            f"upper(currency) NOT IN ({known})",
            f"{_told('currency')} || ' in {name['currency']} is no currency of ISO 4217. Correct it.'",
        ),
        (
            "coalesce(subscription, account) IS NULL",
            f"'It has neither a {name['subscription']} nor a {name['account']}. Add whose cost it is.'",
        ),
        *_number_checks("quantity", name["quantity"]),
    ]
    return "CASE " + " ".join(f"WHEN {fault} THEN {words}" for fault, words in checks) + " END"


def _amount_checks(what: str, column: str) -> list[tuple[str, str]]:
    too_fine = (
        f"{_places(what)} > CASE WHEN {what}_28 IS NULL THEN {MOST_PLACES_OF_LARGE} ELSE {MOST_PLACES} END",
        f"{_told(what)} || ' in {column} has more places than can be kept exactly ({MOST_PLACES}). Round it first.'",
    )
    return [(f"{what} IS NULL", f"'It has no {column}. Add the amount.'"), *_number_checks(what, column), too_fine]


def _number_checks(what: str, column: str) -> list[tuple[str, str]]:
    return [
        (
            f"{what} IS NOT NULL AND {what}_28 IS NULL AND {what}_18 IS NULL",
            f"{_told(what)} || ' in {column} is no number that can be kept. Digits with a point are read.'",
        ),
        (f"abs({what}_18) >= {LARGEST}", f"{_told(what)} || ' in {column} is too large. Correct it.'"),
    ]


def _told(what: str) -> str:
    return f"'\"' || left({what}, {SHOWN}) || '\"'"
