# One image for web, worker and scheduler; the command decides which.
#   web        gunicorn governance.wsgi -k gthread --threads 4 -b 0.0.0.0:8000     (the default)
#   worker     celery -A governance worker --loglevel INFO
#   scheduler  celery -A governance beat --loglevel INFO        (exactly one)
#   database   python manage.py migrate                         (before a new version starts)
FROM python:3.11-slim-bookworm AS build
COPY requirements/base.txt /requirements.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r /requirements.txt

FROM python:3.11-slim-bookworm
# What Microsoft's ODBC driver (inside the mssql-python wheel) and pyodbc need from the system; then what WeasyPrint needs.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libodbc2 libltdl7 libkrb5-3 libgssapi-krb5-2 \
      libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 governance
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 GOVERNANCE_ENVIRONMENT=production
WORKDIR /app
COPY manage.py gunicorn.conf.py ./
COPY governance governance
COPY tenants tenants
COPY inventory inventory
COPY audit audit
COPY templates templates
# collectstatic needs settings that load, not settings that are used: nothing of these lines is in the running image.
RUN GOVERNANCE_ENVIRONMENT=development python manage.py collectstatic --noinput --verbosity 0 \
 && rm -rf governance/azure/simulator governance/management/commands/runsimulator.py \
           governance/management/commands/demo.py governance/management/commands/prepare_demo.py
USER governance
EXPOSE 8000
CMD ["gunicorn", "governance.wsgi", "-k", "gthread", "--threads", "4", "-b", "0.0.0.0:8000"]
