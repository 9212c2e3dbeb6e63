"""For gunicorn: `gunicorn --preload examples.web.django_project.wsgi`."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.web.django_project.settings")
application = get_wsgi_application()
