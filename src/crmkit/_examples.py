"""An example for each command, which its help shows; the house tests run them all."""

import typer

__all__ = ["EXAMPLES", "show_examples"]

_COMPANY = "--case case --stage stage --at at --who who"
_EVENTS = "--case deal --stage stage --at when --who who"

#: By command: what one might type.
EXAMPLES = {
    "check": "crmkit check crmkit.adapters.memory:MemoryEventStore",
    "conform": f"crmkit conform deals.csv --pipeline deals.toml {_EVENTS}",
    "demo": "crmkit demo --out out/demo --lang zh",
    "discover": f"crmkit discover deals.csv {_EVENTS} --out draft.toml",
    "forecast": f"crmkit forecast deals.csv {_EVENTS}",
    "kb file-mail": "crmkit kb file-mail mail --contacts contacts.csv --ours crm.example --out filed.json",
    "kb index": "crmkit kb index search.db documents.jsonl --text title=2 --text text",
    "kb propose": "crmkit kb propose brief.md library.jsonl --as-of 2026-03-02 --out draft.md",
    "kb publish": 'crmkit kb publish cards.jsonl site --title "Acme help" --base https://help.example.com/',
    "kb search": 'crmkit kb search search.db "vat invioce" --where product=ERP --facet year',
    "kb verify": "crmkit kb verify search.db --rebuild",
    "kpi": "crmkit kpi invoiced new_customers invoice=invoices.csv",
    "pipeline check": "crmkit pipeline check deals.toml",
    "pipeline draw": "crmkit pipeline draw deals.toml --format dot --lang zh",
    "report": f"crmkit report deals.csv --out report {_EVENTS}",
    "review": f"crmkit review deals.csv {_EVENTS} --over 2025-Q4 --store cases.db --open",
    "rules backtest": "crmkit rules backtest rules.toml history.csv --before rules-2025.toml",
    "rules check": "crmkit rules check rules.toml",
    "rules diff": "crmkit rules diff rules-2025.toml rules.toml",
    "rules explain": """crmkit rules explain rules.toml authority --record '{"discount": 0.2, "role": "rep"}'""",
    "rules test": "crmkit rules test rules.toml",
    "doctor": "crmkit doctor",
    "schema": "crmkit schema kpi",
    "simulate": "crmkit simulate --seed 7 --out company\n"
    f"crmkit report company/deals.csv {_COMPANY} --out company/report",
    "store erase": 'crmkit store erase crm.db --text "Eva Meier" --record contact/C-7 --mail mail',
    "store export": "crmkit store export crm.db crm.jsonl",
    "store import": "crmkit store import crm.jsonl copy.db",
    "store person": 'crmkit store person crm.db --text "Eva Meier" --id C-7 --lang zh',
    "store verify": "crmkit store verify crm.db",
}


def show_examples(app: typer.Typer, before: str = "") -> None:
    """Let the help of each command end with its example."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "").strip("_").replace("_", "-")
        example = EXAMPLES.get(f"{before}{name}")
        if example is not None:
            # The mark keeps its lines as they are, so that they can be copied.
            lines = "\n  ".join(example.splitlines())
            command.epilog = f"\b\nExample:\n  {lines}"
    for group in app.registered_groups:
        if group.typer_instance is not None and isinstance(group.name, str):
            show_examples(group.typer_instance, f"{before}{group.name} ")
