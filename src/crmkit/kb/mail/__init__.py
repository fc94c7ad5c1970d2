"""Mail: messages as they came, what is new in each, and whose domain an address is under.

`parse` reads a message whatever is wrong with it and says what was wrong; `reply` parts what its author wrote from
quotations and signatures, of Western, Chinese and Japanese clients; `threads` puts together what belongs together;
`file_mail` files under customers, with evidence, and queues what is not certain.
"""

from crmkit.kb.mail.addresses import Address
from crmkit.kb.mail.domains import is_free_mail, registrable_domain
from crmkit.kb.mail.filing import Book, Filed, Filing, Queued, file_mail
from crmkit.kb.mail.message import Attachment, Message, parse
from crmkit.kb.mail.replies import Reply, reply
from crmkit.kb.mail.threads import Thread, threads

__all__ = [
    "Address",
    "Attachment",
    "Book",
    "Filed",
    "Filing",
    "Message",
    "Queued",
    "Reply",
    "Thread",
    "file_mail",
    "is_free_mail",
    "parse",
    "registrable_domain",
    "reply",
    "threads",
]
