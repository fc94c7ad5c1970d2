"""`python -m crmkit` is the command line."""

from crmkit.cli import main

raise SystemExit(main())
