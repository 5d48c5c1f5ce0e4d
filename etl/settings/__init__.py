"""What the operator sets: the environment and the `.env` file, as one frozen object.

Belongs here: the table of settings, what each of them may be, and what the URL of a database may look like.
Must not know: what the settings are used for.
May import: core.
"""

from etl.settings.settings import DOTENV, Settings, draft, load, usable

__all__ = ["DOTENV", "Settings", "draft", "load", "usable"]
