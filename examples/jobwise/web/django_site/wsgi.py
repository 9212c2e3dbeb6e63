"""For gunicorn: `gunicorn --threads 8 examples.jobwise.web.django_site.wsgi`."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault(
    "DJANGO_SETTINGS_MODULE", "examples.jobwise.web.django_site.settings"
)
application = get_wsgi_application()
