"""What a CRM talks about: parties, deals, service and knowledge, as frozen attrs classes.

A host keeps its own tables; these are the shapes in which it hands rows to crmkit. Every dated thing with an amount
(`Quote`, `Invoice`, `Expense` ...) is a row of a `Ledger`.
"""

from crmkit.model.deals import Activity, Complaint, Dated, Expense, Invoice, Order, Payment, Quote
from crmkit.model.knowledge import Document
from crmkit.model.parties import Contact, Customer, Person, Team
from crmkit.model.service import Task, Ticket

__all__ = [
    "Activity",
    "Complaint",
    "Contact",
    "Customer",
    "Dated",
    "Document",
    "Expense",
    "Invoice",
    "Order",
    "Payment",
    "Person",
    "Quote",
    "Task",
    "Team",
    "Ticket",
]
