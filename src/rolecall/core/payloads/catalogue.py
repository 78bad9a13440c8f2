"""`catalogue`: a card on the page that lists what is deployed.

No schema is published. Requirer, application: `name`, `url`, `icon`, `description` and `api_docs` as they
are, `api_endpoints` as JSON from a title to an address.
"""

from __future__ import annotations

from rolecall.core.bags import Bags
from rolecall.core.payloads.facts import Facts, as_json


def requested(facts: Facts) -> Bags:
    """Build the card; a product without pages for people has addresses of APIs only."""
    card = facts.product.card
    if card is None:
        return Bags()
    app = {
        "name": f"{facts.product.title} ({facts.app})",
        "url": f"{facts.url}{card.page}" if card.page else "",
        "icon": card.icon,
        "description": card.summary,
        "api_docs": card.docs,
        "api_endpoints": as_json({title: f"{facts.url}{path}" for title, path in card.apis.items()}),
    }
    return Bags(app={key: text for key, text in app.items() if text})
