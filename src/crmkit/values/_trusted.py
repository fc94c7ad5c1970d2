"""Building a frozen object from values that were checked already."""


class Draft:
    """A frozen attrs object of a class without slots, while it is made of values that need no checks.

    Set its attributes, those that its class has no value for itself, then `__class__`. A move has just looked at all
    that its fact will hold, and checking it again would double what a move costs. Among the ways round the checks this
    is the cheapest by half: attributes set one by one lie in a row behind the object, without a dictionary of its own.
    """
