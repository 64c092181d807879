"""The pages of the identity provider: plain HTML that needs no JavaScript."""

from collections.abc import Iterable
from html import escape

from governance.azure.simulator.directory import Person
from governance.azure.simulator.exchange import Response

HTML_TYPE = "text/html; charset=utf-8"
CANCEL = "cancel"
FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} - Simulated identity provider</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem; }}
fieldset {{ border: 1px solid; border-radius: .5rem; margin: 0 0 1rem; padding: .5rem 1rem; }}
label {{ display: block; padding: .35rem 0; overflow-wrap: anywhere; }}
button {{ font: inherit; padding: .5rem 1rem; margin: 0 .5rem .5rem 0; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def choice_of_person(people: Iterable[Person], action: str, *, status: int = 200, remark: str = "") -> Response:
    """Who are you? Nobody has a password here."""
    rows = "\n".join(
        f'<label><input type="radio" name="email" value="{escape(person.email)}"> '
        f"{escape(person.name)} ({escape(person.email)})</label>"
        for person in people
    )
    said = f'<p role="alert">{escape(remark)}</p>' if remark else ""
    return page(
        "Sign in",
        f"""<p>This provider is simulated: it asks for no password.</p>{said}
<form method="post" action="{escape(action)}">
<fieldset><legend>Who are you?</legend>
{rows or "<p>Nobody can sign in here.</p>"}
</fieldset>
<button type="submit" name="do" value="continue">Continue</button>
<button type="submit" name="do" value="{CANCEL}">Cancel</button>
</form>""",
        status=status,
    )


def refusal(description: str) -> Response:
    """What may not be answered by a redirect, since the address to redirect to is not to be trusted."""
    return page("Sign-in is not possible", f'<p role="alert">{escape(description)}</p>', status=400)


def signed_out() -> Response:
    return page("Signed out", "<p>You signed out of the simulated identity provider.</p>")


def page(title: str, content: str, *, status: int = 200) -> Response:
    html = FRAME.format(title=escape(title), content=content)
    return Response(status, html.encode(), {"Cache-Control": "no-store"}, content_type=HTML_TYPE)
