"""The rules of the bench as CEL and as JSON Logic, in the order of `RULES`."""

from typing import Any

CEL_TYPES = {
    "amount": "DOUBLE", "discount": "DOUBLE", "cost": "DOUBLE", "stage": "STRING", "contacts": "INT", "closed": "DYN",
    "opened": "STRING", "role": "STRING", "segment": "STRING", "region": "STRING", "email": "DYN",
}  # fmt: skip

CEL = (
    "amount > 100000.0 && discount > 0.15",
    'discount <= 0.15 || role == "manager"',
    "amount * (1.0 - discount) - cost >= 0.2 * amount",
    'stage in ["won", "lost"]',
    'region in ["N", "S", "E"] && segment == "smb"',
    "closed != null && closed < opened",
    'opened < "2026-01-01"',
    "items.exists(i, i.qty > 10)",
    "items.all(i, i.price > 0.0)",
    "contacts >= 1 && contacts <= 5",
    'email != null && email.endsWith(".cn")',
    'role.contains("man")',
    'stage == "proposal" && amount > 5000.0 && discount < 0.1',
    '!(stage == "lead") && contacts > 2',
    "amount >= 1000.0 && amount < 50000.0",
    "size(items) > 3",
    'segment == "ent" ? discount <= 0.3 : discount <= 0.2',
    'region.startsWith("N") || region.startsWith("S")',
    "cost / amount > 0.6",
    'segment in ["ent", "strategic"] && !(role in ["junior", "trainee"])',
)


def _of(name: str) -> dict[str, str]:
    return {"var": name}


JSON_LOGIC: tuple[dict[str, Any], ...] = (
    {"and": [{">": [_of("amount"), 100000]}, {">": [_of("discount"), 0.15]}]},
    {"or": [{"<=": [_of("discount"), 0.15]}, {"===": [_of("role"), "manager"]}]},
    {">=": [{"-": [{"*": [_of("amount"), {"-": [1, _of("discount")]}]}, _of("cost")]}, {"*": [0.2, _of("amount")]}]},
    {"in": [_of("stage"), ["won", "lost"]]},
    {"and": [{"in": [_of("region"), ["N", "S", "E"]]}, {"===": [_of("segment"), "smb"]}]},
    {"and": [{"!==": [_of("closed"), None]}, {"<": [_of("closed"), _of("opened")]}]},
    {"<": [_of("opened"), "2026-01-01"]},
    {"some": [_of("items"), {">": [_of("qty"), 10]}]},
    {"none": [_of("items"), {"<=": [_of("price"), 0]}]},
    {"<=": [1, _of("contacts"), 5]},
    {"and": [{"!==": [_of("email"), None]}, {"===": [{"substr": [_of("email"), -3]}, ".cn"]}]},
    {"in": ["man", _of("role")]},
    {"and": [{"===": [_of("stage"), "proposal"]}, {">": [_of("amount"), 5000]}, {"<": [_of("discount"), 0.1]}]},
    {"and": [{"!": [{"===": [_of("stage"), "lead"]}]}, {">": [_of("contacts"), 2]}]},
    {"and": [{">=": [_of("amount"), 1000]}, {"<": [_of("amount"), 50000]}]},
    {">": [{"reduce": [_of("items"), {"+": [_of("accumulator"), 1]}, 0]}, 3]},
    {"if": [{"===": [_of("segment"), "ent"]}, {"<=": [_of("discount"), 0.3]}, {"<=": [_of("discount"), 0.2]}]},
    {"or": [{"===": [{"substr": [_of("region"), 0, 1]}, "N"]}, {"===": [{"substr": [_of("region"), 0, 1]}, "S"]}]},
    {">": [{"/": [_of("cost"), _of("amount")]}, 0.6]},
    {"and": [{"in": [_of("segment"), ["ent", "strategic"]]}, {"!": [{"in": [_of("role"), ["junior", "trainee"]]}]}]},
)
