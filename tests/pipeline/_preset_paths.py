"""How each preset is driven to a good end, and one move that it refuses on the way."""

from datetime import UTC, date, datetime
from decimal import Decimal

from crmkit.pipeline import Directory

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
PEOPLE = Directory(roles={
    "sales": ["wei"], "support": ["wei"], "dispatcher": ["wei"], "sales manager": ["li"], "finance": ["fang"],
    "complaints manager": ["li"], "account director": ["li"],
})  # fmt: skip

PATHS = {
    "b2b-sales": ({}, [
        ("qualify", {"budget": 200_000, "decision maker": "Ms Chen", "need": "quality", "decision date": date(2026, 6, 1)}),
        ("discover", {"first meeting": date(2026, 3, 9)}),
        ("evaluate", {"identified pain": "8 % of parts are scrapped", "metrics": "scrap below 3 %"}),
        ("propose", {
            "economic buyer": "Mr Wu", "economic buyer met": True, "decision criteria": "scrap, price",
            "decision process": "committee in May", "amount": 180_000,
        }),
        ("negotiate", {"champion": "Ms Chen", "champion tested": True, "competition": "Acme", "discount": Decimal("0.05")}),
        ("sign", {"contract": "C-17"}),
    ]),
    "complaint": ({"complainant": "Ms Sun", "channel": "telephone", "description": "arrived broken"}, [
        ("acknowledge", {"acknowledged on": date(2026, 3, 3)}),
        ("assess", {"severity": "major", "category": "delivery", "investigator": "zhang", "concerned person": "bo"}),
        ("investigate", {}),
        ("ask", {"question": "which box?"}),
        ("answer", {"answer": "the large one"}),
        ("conclude", {"finding": "upheld", "root cause": "thin box"}),
        ("communicate", {"remedy": "replacement", "compensation": 0, "answered on": date(2026, 3, 9)}),
        ("accept", {"remedy done": True, "satisfaction": 4}),
    ]),
    "field-service": ({"site": "Suzhou", "equipment": "press 4", "fault": "leaks oil", "level": "gold"}, [
        ("accept", {"charge": "contract"}),
        ("schedule", {"technician": "zhou", "skilled": True, "appointment": NOON}),
        ("depart", {}),
        ("arrive", {"arrived": NOON}),
        ("order part", {"part": "seal 12"}),
        ("part arrived", {"returns": 1}),
        ("schedule", {}),
        ("depart", {}),
        ("arrive", {}),
        ("finish", {"work done": "seal changed", "signed by": "Mr He", "safety check": True, "hours": Decimal("2.5")}),
        ("complete", {}),
    ]),
    "incident": ({"summary": "no mail", "reported by": "Ms Luo"}, [
        ("classify", {"impact": "high", "urgency": "high", "priority": "P1", "service": "mail"}),
        ("take", {"assignee": "zhang", "first response": NOON}),
        ("escalate", {"group": "network", "escalation reason": "switch"}),
        ("ask", {"question": "since when?"}),
        ("answer", {"answer": "since nine"}),
        ("resolve", {"resolution": "switch replaced", "cause": "hardware", "reviewed": True}),
        ("close", {}),
    ]),
    "knowledge-card": ({"problem": "the invoice has the wrong tax rate", "author": "wei"}, [
        ("complete", {"solution": "set the region of the customer", "environment": "version 4, China"}),
        ("rework", {"flag": "which screen?"}),
        ("complete", {"solution": "set the region under Customer, Tax"}),
        ("validate", {"reviewer": "li", "review by": date(2026, 9, 1)}),
        ("publish", {"audience": "customers", "redacted": True}),
        ("review", {"flag": "the screen has moved"}),
        ("validate", {}),
        ("publish", {}),
    ]),
    "lead-qualification": ({"channel": "website", "contact": "Ms Xu"}, [
        ("reach", {"first contact": NOON}),
        ("nurture", {"consent": True, "next touch": date(2026, 5, 1)}),
        ("wake", {}),
        ("qualify", {"score": 70}),
        ("accept", {"salesperson": "wei"}),
        ("convert", {"budget": True, "authority": False, "need": True, "timeline": True, "opportunity": "D-9"}),
    ]),
    "renewal": ({"contract end": date(2026, 6, 30), "contract value": 100_000}, [
        ("review", {"account manager": "wei"}),
        ("put at risk", {"risk": "low use"}),
        ("save", {"plan": "training", "sponsor": "Ms Gu", "health": 65, "offer value": 95_000}),
        ("negotiate", {}),
        ("renew", {"new contract": "R-2", "new end": date(2027, 6, 30)}),
    ]),
    "spin-selling": ({}, [
        ("investigate", {"contact": "Mr Deng", "situation": "three lines, one shift"}),
        ("continue", {"next meeting": date(2026, 3, 20)}),
        ("demonstrate", {"problem": "scrap", "implication": "late orders", "need payoff": "a shift less", "explicit needs": 2}),
        ("reach power", {"sponsor": "Ms Tang", "advance": "she invites us to the plant", "advance by customer": True}),
        ("plan", {"sponsor letter": date(2026, 4, 2), "letter confirmed": True, "evaluation plan": "E-1"}),
        ("commit", {"steps open": 0, "amount": 90_000}),
        ("order", {"concerns open": 0, "order number": "O-5"}),
    ]),
}  # fmt: skip

# A move of the path, what is different, and a part of the reason.
REFUSALS = {
    "b2b-sales": ("propose", {"economic buyer met": False}, "meet the economic buyer before you make an offer"),
    "complaint": ("assess", {"investigator": "bo"}, "nobody investigates a complaint about themselves"),
    "field-service": ("accept", {"charge": "customer"}, "work that the customer pays needs an order"),
    "incident": ("resolve", {"reviewed": False}, "a major incident (P1) needs a review"),
    "knowledge-card": ("validate", {"reviewer": "wei"}, "somebody other than the author validates a card"),
    "lead-qualification": ("nurture", {"consent": False}, "they have not agreed to hear from us"),
    "renewal": ("renew", {"offer value": 80_000}, "needs approval 'price'"),
    "spin-selling": ("demonstrate", {"explicit needs": 0}, "ask on before you present"),
}
